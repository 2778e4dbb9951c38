CREATE TABLE "waiting_edits" (
	"post_id" bigint NOT NULL,
	"comment_id" bigint NOT NULL,
	"user_id" bigint NOT NULL,
	"body" text NOT NULL,
	"edited_at" bigint NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "waiting_edits_post_id_comment_id_user_id_pk" PRIMARY KEY("post_id","comment_id","user_id")
);
