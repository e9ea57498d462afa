"""CronJob's dialect of cron: which expressions it takes, and when they fire."""
