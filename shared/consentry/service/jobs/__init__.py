"""Jobs: videos, redacted piece by piece on any number of instances.

    waiting -> accepted -> cutting -> scanning -> planning <-> writing
                                                     planning -> joining -> releasing -> done

Everything that a job knows lies in the table ``jobs`` and in the container ``pieces``; nothing is
held in memory only. Each step is a message of one queue, may be delivered twice, may die anywhere,
and is then taken up by another instance:

1. A step writes what it made under a name that only depends on the job, the piece and the round.
2. Its audit record is made durable.
3. It notes in a row of its own that the piece is done.
4. Whoever then finds all pieces done moves the job on, by the ETag of its row: one succeeds.
5. The messages of the new state are sent, and the row notes that they were. A message that comes
   late finds the job ahead of it, and sends what was not sent.

Whatever ends a job also deletes its pieces; so does the next message of a job that has ended, and
a timer, for those that came too late even for that.
"""
