"""What was measured: calibrations and the statistics of a cohort, as files that commands write."""
