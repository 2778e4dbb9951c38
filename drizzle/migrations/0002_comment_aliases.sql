CREATE TABLE "comment_aliases" (
	"post_id" bigint NOT NULL,
	"alias_id" bigint NOT NULL,
	"user_id" bigint NOT NULL,
	"comment_id" bigint NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "comment_aliases_post_id_alias_id_user_id_pk" PRIMARY KEY("post_id","alias_id","user_id")
);
