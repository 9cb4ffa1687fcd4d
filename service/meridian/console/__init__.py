"""The web console: pages of a Region, each read by the calls that its viewer may make."""
