"""Pictures, drawn from what was recorded: text of SVG, which loads nothing and follows light and dark."""
