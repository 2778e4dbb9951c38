CREATE TABLE "boards" (
	"board_id" bigint PRIMARY KEY NOT NULL,
	"user_id" bigint NOT NULL,
	"name" varchar(100) NOT NULL,
	"is_private" boolean DEFAULT false NOT NULL,
	"version" bigint DEFAULT 1 NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "campaigns" (
	"campaign_id" bigint PRIMARY KEY NOT NULL,
	"owner_id" bigint NOT NULL,
	"post_id" bigint NOT NULL,
	"bid_cents" integer NOT NULL,
	"daily_impressions" integer NOT NULL,
	"per_person_per_day" integer DEFAULT 3 NOT NULL,
	"hashtags" text[],
	"starts_at" timestamp with time zone NOT NULL,
	"ends_at" timestamp with time zone NOT NULL,
	"state" varchar(10) DEFAULT 'active' NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "notifications" (
	"notification_id" bigint PRIMARY KEY NOT NULL,
	"user_id" bigint NOT NULL,
	"kind" varchar(20) NOT NULL,
	"actor_id" bigint NOT NULL,
	"subject_id" bigint,
	"dedupe_key" text NOT NULL,
	"read_at" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "notifications_dedupe_key_unique" UNIQUE("dedupe_key")
);
--> statement-breakpoint
CREATE TABLE "reports" (
	"report_id" bigint PRIMARY KEY NOT NULL,
	"reporter_id" bigint NOT NULL,
	"subject_kind" varchar(10) NOT NULL,
	"subject_id" bigint NOT NULL,
	"reason" varchar(40) NOT NULL,
	"detail" text DEFAULT '' NOT NULL,
	"state" varchar(10) DEFAULT 'open' NOT NULL,
	"evidence" jsonb,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "saves" (
	"board_id" bigint NOT NULL,
	"post_id" bigint NOT NULL,
	"user_id" bigint NOT NULL,
	"state" varchar(10) DEFAULT 'active' NOT NULL,
	"version" bigint DEFAULT 1 NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "saves_board_id_post_id_pk" PRIMARY KEY("board_id","post_id")
);
--> statement-breakpoint
CREATE TABLE "comments" (
	"post_id" bigint NOT NULL,
	"comment_id" bigint NOT NULL,
	"parent_id" bigint,
	"user_id" bigint NOT NULL,
	"body" text NOT NULL,
	"version" bigint DEFAULT 1 NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"edited_at" timestamp with time zone,
	"deleted_at" timestamp with time zone,
	CONSTRAINT "comments_post_id_comment_id_pk" PRIMARY KEY("post_id","comment_id")
);
--> statement-breakpoint
CREATE TABLE "likes" (
	"post_id" bigint NOT NULL,
	"user_id" bigint NOT NULL,
	"state" varchar(8) NOT NULL,
	"liked_at" bigint NOT NULL,
	"version" bigint DEFAULT 1 NOT NULL,
	CONSTRAINT "likes_post_id_user_id_pk" PRIMARY KEY("post_id","user_id")
);
--> statement-breakpoint
CREATE TABLE "shares" (
	"post_id" bigint NOT NULL,
	"user_id" bigint NOT NULL,
	"shared_at" bigint NOT NULL,
	CONSTRAINT "shares_post_id_user_id_pk" PRIMARY KEY("post_id","user_id")
);
--> statement-breakpoint
CREATE TABLE "dead_letters" (
	"queue" varchar(60) NOT NULL,
	"message_id" text NOT NULL,
	"body" text NOT NULL,
	"reason" text NOT NULL,
	"attempts" integer NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"replayed_at" timestamp with time zone,
	CONSTRAINT "dead_letters_queue_message_id_pk" PRIMARY KEY("queue","message_id")
);
--> statement-breakpoint
CREATE TABLE "log_members" (
	"member" text PRIMARY KEY NOT NULL,
	"group_id" varchar(60) NOT NULL,
	"topics" text[] NOT NULL,
	"expires_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "log_messages" (
	"topic" varchar(60) NOT NULL,
	"partition" integer NOT NULL,
	"offset" bigint NOT NULL,
	"key" text NOT NULL,
	"value" jsonb NOT NULL,
	"headers" jsonb,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "log_messages_topic_partition_offset_pk" PRIMARY KEY("topic","partition","offset")
);
--> statement-breakpoint
CREATE TABLE "log_offsets" (
	"group_id" varchar(60) NOT NULL,
	"topic" varchar(60) NOT NULL,
	"partition" integer NOT NULL,
	"offset" bigint DEFAULT 0 NOT NULL,
	"owner" text,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "log_offsets_group_id_topic_partition_pk" PRIMARY KEY("group_id","topic","partition")
);
--> statement-breakpoint
CREATE TABLE "log_partitions" (
	"topic" varchar(60) NOT NULL,
	"partition" integer NOT NULL,
	"next_offset" bigint DEFAULT 0 NOT NULL,
	CONSTRAINT "log_partitions_topic_partition_pk" PRIMARY KEY("topic","partition")
);
--> statement-breakpoint
CREATE TABLE "outbox" (
	"event_id" text PRIMARY KEY NOT NULL,
	"type" varchar(40) NOT NULL,
	"body" jsonb NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"published_at" timestamp with time zone,
	"claimed_until" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "affinities" (
	"user_id" bigint NOT NULL,
	"author_id" bigint NOT NULL,
	"weight" integer DEFAULT 0 NOT NULL,
	"version" bigint DEFAULT 1 NOT NULL,
	"seen_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "affinities_user_id_author_id_pk" PRIMARY KEY("user_id","author_id")
);
--> statement-breakpoint
CREATE TABLE "author_modes" (
	"author_id" bigint PRIMARY KEY NOT NULL,
	"mode" varchar(4) DEFAULT 'push' NOT NULL,
	"applied_mode" varchar(4) DEFAULT 'push' NOT NULL,
	"applied_version" integer DEFAULT 0 NOT NULL,
	"version" integer DEFAULT 0 NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "blocks" (
	"user_id" bigint NOT NULL,
	"target_id" bigint NOT NULL,
	"state" varchar(10) DEFAULT 'active' NOT NULL,
	"version" bigint DEFAULT 1 NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "blocks_user_id_target_id_pk" PRIMARY KEY("user_id","target_id")
);
--> statement-breakpoint
CREATE TABLE "follow_requests" (
	"followee_id" bigint NOT NULL,
	"follower_id" bigint NOT NULL,
	"version" bigint DEFAULT 1 NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "follow_requests_followee_id_follower_id_pk" PRIMARY KEY("followee_id","follower_id")
);
--> statement-breakpoint
CREATE TABLE "followers" (
	"followee_id" bigint NOT NULL,
	"follower_id" bigint NOT NULL,
	"state" varchar(10) DEFAULT 'active' NOT NULL,
	"version" bigint DEFAULT 1 NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "followers_followee_id_follower_id_pk" PRIMARY KEY("followee_id","follower_id")
);
--> statement-breakpoint
CREATE TABLE "follows" (
	"follower_id" bigint NOT NULL,
	"followee_id" bigint NOT NULL,
	"state" varchar(10) DEFAULT 'active' NOT NULL,
	"version" bigint DEFAULT 1 NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "follows_follower_id_followee_id_pk" PRIMARY KEY("follower_id","followee_id")
);
--> statement-breakpoint
CREATE TABLE "mutes" (
	"user_id" bigint NOT NULL,
	"target_id" bigint NOT NULL,
	"state" varchar(10) DEFAULT 'active' NOT NULL,
	"version" bigint DEFAULT 1 NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "mutes_user_id_target_id_pk" PRIMARY KEY("user_id","target_id")
);
--> statement-breakpoint
CREATE TABLE "timeline_purges" (
	"follower_id" bigint NOT NULL,
	"followee_id" bigint NOT NULL,
	"due_at" timestamp with time zone NOT NULL,
	CONSTRAINT "timeline_purges_follower_id_followee_id_pk" PRIMARY KEY("follower_id","followee_id")
);
--> statement-breakpoint
CREATE TABLE "credentials" (
	"user_id" bigint PRIMARY KEY NOT NULL,
	"password_hash" text NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "idempotency_keys" (
	"user_id" bigint NOT NULL,
	"key" varchar(255) NOT NULL,
	"request_hash" text NOT NULL,
	"status" integer NOT NULL,
	"response" jsonb NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "idempotency_keys_user_id_key_pk" PRIMARY KEY("user_id","key")
);
--> statement-breakpoint
CREATE TABLE "sessions" (
	"session_id" text PRIMARY KEY NOT NULL,
	"user_id" bigint NOT NULL,
	"token_hash" text NOT NULL,
	"previous_hash" text,
	"rotated_at" timestamp with time zone DEFAULT now() NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	"revoked_at" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "users" (
	"user_id" bigint PRIMARY KEY NOT NULL,
	"username" varchar(50) NOT NULL,
	"email" varchar(255) NOT NULL,
	"display_name" varchar(100) DEFAULT '' NOT NULL,
	"profile_image_url" text,
	"bio" text DEFAULT '' NOT NULL,
	"is_private" boolean DEFAULT false NOT NULL,
	"follower_count" integer DEFAULT 0 NOT NULL,
	"following_count" integer DEFAULT 0 NOT NULL,
	"post_count" integer DEFAULT 0 NOT NULL,
	"version" bigint DEFAULT 1 NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	"deleted_at" timestamp with time zone,
	CONSTRAINT "users_username_unique" UNIQUE("username"),
	CONSTRAINT "users_email_unique" UNIQUE("email")
);
--> statement-breakpoint
CREATE TABLE "media" (
	"media_id" bigint PRIMARY KEY NOT NULL,
	"user_id" bigint NOT NULL,
	"post_id" bigint,
	"key" text NOT NULL,
	"content_type" text NOT NULL,
	"bytes" bigint NOT NULL,
	"sha256" text,
	"state" varchar(16) DEFAULT 'awaiting_upload' NOT NULL,
	"upload_id" text,
	"width" integer,
	"height" integer,
	"blur" text,
	"alt" text DEFAULT '' NOT NULL,
	"variants" jsonb,
	"failure" text,
	"version" bigint DEFAULT 1 NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "media_jobs" (
	"media_id" bigint PRIMARY KEY NOT NULL,
	"state" varchar(16) DEFAULT 'waiting' NOT NULL,
	"attempts" integer DEFAULT 0 NOT NULL,
	"lease_owner" text,
	"lease_until" timestamp with time zone,
	"run_after" timestamp with time zone DEFAULT now() NOT NULL,
	"failure" text,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "post_aliases" (
	"alias_id" bigint PRIMARY KEY NOT NULL,
	"post_id" bigint NOT NULL,
	"user_id" bigint NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "posts" (
	"post_id" bigint PRIMARY KEY NOT NULL,
	"user_id" bigint NOT NULL,
	"caption" text DEFAULT '' NOT NULL,
	"media_urls" jsonb NOT NULL,
	"hashtags" text[] DEFAULT '{}' NOT NULL,
	"like_count" integer DEFAULT 0 NOT NULL,
	"comment_count" integer DEFAULT 0 NOT NULL,
	"state" varchar(16) DEFAULT 'visible' NOT NULL,
	"version" bigint DEFAULT 1 NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"deleted_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "search_hashtags" (
	"tag" text PRIMARY KEY NOT NULL,
	"folded" text NOT NULL,
	"posts" integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE "search_people" (
	"user_id" bigint PRIMARY KEY NOT NULL,
	"handle" text NOT NULL,
	"words" text[] NOT NULL,
	"line" text NOT NULL,
	"deleted" boolean DEFAULT false NOT NULL,
	"version" bigint DEFAULT 1 NOT NULL
);
--> statement-breakpoint
CREATE TABLE "search_posts" (
	"post_id" bigint PRIMARY KEY NOT NULL,
	"user_id" bigint NOT NULL,
	"words" text[] NOT NULL,
	"line" text NOT NULL,
	"hashtags" text[] NOT NULL,
	"deleted" boolean DEFAULT false NOT NULL,
	"version" bigint DEFAULT 1 NOT NULL
);
--> statement-breakpoint
CREATE INDEX "boards_owner" ON "boards" USING btree ("user_id","board_id" DESC NULLS LAST);--> statement-breakpoint
CREATE INDEX "notifications_of" ON "notifications" USING btree ("user_id","notification_id" DESC NULLS LAST);--> statement-breakpoint
CREATE INDEX "comments_replies" ON "comments" USING btree ("post_id","parent_id","comment_id");--> statement-breakpoint
CREATE INDEX "comments_by_user" ON "comments" USING btree ("user_id","comment_id" DESC NULLS LAST);--> statement-breakpoint
CREATE INDEX "likes_newest" ON "likes" USING btree ("post_id","liked_at" DESC NULLS LAST,"user_id");--> statement-breakpoint
CREATE INDEX "likes_by_user" ON "likes" USING btree ("user_id","liked_at" DESC NULLS LAST);--> statement-breakpoint
CREATE INDEX "shares_by_user" ON "shares" USING btree ("user_id","shared_at" DESC NULLS LAST);--> statement-breakpoint
CREATE INDEX "dead_letters_waiting" ON "dead_letters" USING btree ("replayed_at","created_at");--> statement-breakpoint
CREATE INDEX "log_members_group" ON "log_members" USING btree ("group_id");--> statement-breakpoint
CREATE INDEX "log_age" ON "log_messages" USING btree ("created_at");--> statement-breakpoint
CREATE INDEX "outbox_unpublished" ON "outbox" USING btree ("published_at","created_at");--> statement-breakpoint
CREATE INDEX "blocks_target" ON "blocks" USING btree ("target_id","user_id");--> statement-breakpoint
CREATE INDEX "follows_recent" ON "follows" USING btree ("follower_id","state","created_at" DESC NULLS LAST);--> statement-breakpoint
CREATE INDEX "mutes_target" ON "mutes" USING btree ("target_id","user_id");--> statement-breakpoint
CREATE INDEX "timeline_purges_due" ON "timeline_purges" USING btree ("due_at");--> statement-breakpoint
CREATE INDEX "idempotency_age" ON "idempotency_keys" USING btree ("created_at");--> statement-breakpoint
CREATE INDEX "sessions_user" ON "sessions" USING btree ("user_id");--> statement-breakpoint
CREATE INDEX "media_owner" ON "media" USING btree ("user_id","media_id" DESC NULLS LAST);--> statement-breakpoint
CREATE INDEX "media_waiting" ON "media" USING btree ("state","created_at");--> statement-breakpoint
CREATE INDEX "media_jobs_due" ON "media_jobs" USING btree ("state","run_after");--> statement-breakpoint
CREATE INDEX "posts_author" ON "posts" USING btree ("user_id","post_id" DESC NULLS LAST);--> statement-breakpoint
CREATE INDEX "posts_hashtags" ON "posts" USING gin ("hashtags");--> statement-breakpoint
CREATE INDEX "search_hashtags_prefix" ON "search_hashtags" USING btree ("folded" text_pattern_ops);--> statement-breakpoint
CREATE INDEX "search_hashtags_trigrams" ON "search_hashtags" USING gin ("folded" gin_trgm_ops);--> statement-breakpoint
CREATE INDEX "search_people_handle" ON "search_people" USING btree ("handle" text_pattern_ops);--> statement-breakpoint
CREATE INDEX "search_people_words" ON "search_people" USING gin (array_to_tsvector("words"));--> statement-breakpoint
CREATE INDEX "search_people_line" ON "search_people" USING gin ("line" gin_trgm_ops);--> statement-breakpoint
CREATE INDEX "search_posts_words" ON "search_posts" USING gin (array_to_tsvector("words"));--> statement-breakpoint
CREATE INDEX "search_posts_line" ON "search_posts" USING gin ("line" gin_trgm_ops);