"""Error rates of this package's own models, measured on data sets that their users bring.

Measuring must not become the search that the service refuses. So this package compares only
people whom the data set names, keeps templates only while it runs, in memory or sealed, and gives
aggregates: never a picture, a template, or the answer for one picture or pair. It is no part of
the deployed package.

    labels        the files that say what the pictures show
    rates         shares of errors, and how far to trust them
    resume        what an interrupted measurement had made, sealed
    track         how far a measurement is
    templates     templates of a data set's pictures, by several processes
    listed        templates of the pictures that a list of pairs names
    impostors     thresholds from all pairs of different people
    verification  FMR and FNMR on pairs of people
    quality       how many errors go if bad pictures are refused
    crossed       false matches by the groups of both people
    fairness      how unequally errors fall on groups
    record        what was measured, as a file that calibrates confidences
    cohort        the mean of many people's faces
    detection     how much of the labelled faces redaction covers
    redaction     what masks leave of a face to recognise
    gate          whether a release is worse than the last
"""
