# The image of Mainstay with pg_dump. Its version must be that of the PostgreSQL server, or newer.
#   docker build -t mainstay-backup -f deploy/kubernetes/backup-image.Dockerfile deploy
FROM mainstay
USER root
RUN apt-get update && apt-get install -y --no-install-recommends postgresql-client && rm -rf /var/lib/apt/lists/*
COPY mainstay-backup /usr/local/bin/mainstay-backup
USER mainstay
ENTRYPOINT ["mainstay-backup"]
