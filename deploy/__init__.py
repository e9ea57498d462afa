"""Everything that puts keddah onto a cluster: generated manifests, samples, images, a local Kubernetes."""
