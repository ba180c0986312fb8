"""From the series of a run to rows of figures, and to thresholds that hold or do not. Pure."""
