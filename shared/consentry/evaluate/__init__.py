"""Error rates of this package's own models, measured on data sets that their users bring.

Measuring must not become the search that the service refuses. So this package compares only
people whom the data set names, keeps templates in memory and only while it runs, and gives
aggregates: never a picture, a template, or the answer for one picture or pair. It is no part of
the deployed package.

    labels        the files that say what the pictures show
    rates         shares of errors, and how far to trust them
    verification  FMR and FNMR on pairs of people
    detection     how much of the labelled faces redaction covers
    redaction     what masks leave of a face to recognise
"""
