CREATE TABLE "directory" (
	"user_id" bigint PRIMARY KEY NOT NULL,
	"username" varchar(50) NOT NULL,
	"email" varchar(255) NOT NULL,
	"claimed_at" timestamp with time zone DEFAULT now() NOT NULL,
	"confirmed_at" timestamp with time zone,
	CONSTRAINT "directory_username_unique" UNIQUE("username"),
	CONSTRAINT "directory_email_unique" UNIQUE("email")
);
--> statement-breakpoint
CREATE TABLE "shard_ranges" (
	"first_shard" integer PRIMARY KEY NOT NULL,
	"last_shard" integer NOT NULL,
	"database" integer NOT NULL
);
