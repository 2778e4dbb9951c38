CREATE TABLE "cache_purges" (
	"tag" text PRIMARY KEY NOT NULL,
	"version" bigint DEFAULT 1 NOT NULL,
	"requested_at" timestamp with time zone NOT NULL
);
