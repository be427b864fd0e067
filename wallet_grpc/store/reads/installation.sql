-- Copies that are made within a cluster have the row of the original, and a number of their own.
-- name: installation
SELECT
    installation.installation_uuid,
    (
        SELECT pg_database.oid
        FROM pg_database
        WHERE pg_database.datname = current_database()
    ) AS database_oid
FROM installation;
