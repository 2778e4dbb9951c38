CREATE TABLE "shard_database" (
	"name" varchar(20) PRIMARY KEY NOT NULL
);
--> statement-breakpoint
CREATE TABLE "shard_marks" (
	"mark" varchar(60) PRIMARY KEY NOT NULL,
	"written_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "shard_moves" (
	"first_shard" integer PRIMARY KEY NOT NULL,
	"last_shard" integer NOT NULL,
	"source" integer NOT NULL,
	"target" integer NOT NULL,
	"epoch" bigint NOT NULL,
	"step" varchar(10) NOT NULL,
	"announced_at" timestamp with time zone DEFAULT now() NOT NULL,
	"switched_at" timestamp with time zone,
	"figures" jsonb DEFAULT '{}'::jsonb NOT NULL
);
--> statement-breakpoint
CREATE TABLE "shard_owner" (
	"first_shard" integer PRIMARY KEY NOT NULL,
	"last_shard" integer NOT NULL,
	"epoch" bigint DEFAULT 1 NOT NULL,
	"state" varchar(8) DEFAULT 'open' NOT NULL
);
--> statement-breakpoint
ALTER TABLE "shard_ranges" ADD COLUMN "epoch" bigint DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE "shard_ranges" ADD COLUMN "moving" boolean DEFAULT false NOT NULL;
--> statement-breakpoint
-- Ends the transaction with TL001 unless this database owns each of these ranges. A writer keeps the switch of a move
-- waiting until its transaction is over: the lock comes first, and what is read after it is no older than the lock.
CREATE FUNCTION assert_shards(firsts int[], lasts int[], epochs bigint[], writing boolean) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	held int;
BEGIN
	FOR i IN 1 .. cardinality(firsts) LOOP
		SELECT first_shard INTO held FROM shard_owner WHERE first_shard <= firsts[i] ORDER BY first_shard DESC LIMIT 1;
		IF writing AND held IS NOT NULL THEN
			PERFORM pg_advisory_xact_lock_shared(1953064804, held);
		END IF;
		PERFORM 1 FROM shard_owner
		  WHERE first_shard = held AND last_shard >= lasts[i] AND (epochs[i] IS NULL OR epoch = epochs[i])
		    AND (state = 'open' OR (state = 'closing' AND NOT writing));
		IF NOT FOUND THEN
			RAISE EXCEPTION 'shards % to % are not open in this database at epoch %', firsts[i], lasts[i], epochs[i]
				USING ERRCODE = 'TL001';
		END IF;
	END LOOP;
END $$;
--> statement-breakpoint
-- A follow, a block or a mute lies in the databases of both people. Where one of them moves to the other's database, the row
-- is there already: the newer version stays. Arguments: the two key columns, and the columns that a newer version brings.
CREATE FUNCTION replicate_newer() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
	columns text := TG_ARGV[2];
BEGIN
	IF TG_OP = 'UPDATE' THEN
		IF NEW.version < OLD.version THEN
			RETURN NULL;
		END IF;
		RETURN NEW;
	END IF;
	-- The insert below comes here again.
	IF pg_trigger_depth() > 1 THEN
		RETURN NEW;
	END IF;
	EXECUTE format('INSERT INTO %I.%I AS former SELECT ($1).* ON CONFLICT (%I, %I) DO UPDATE SET (%s) = ROW(%s) WHERE former.version < EXCLUDED.version',
		TG_TABLE_SCHEMA, TG_TABLE_NAME, TG_ARGV[0], TG_ARGV[1], columns, regexp_replace(columns, '(\w+)', 'EXCLUDED.\1', 'g'))
		USING NEW;
	RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER follows_newer BEFORE INSERT OR UPDATE ON follows FOR EACH ROW
	EXECUTE FUNCTION replicate_newer('follower_id', 'followee_id', 'state, version, created_at, updated_at');
--> statement-breakpoint
CREATE TRIGGER blocks_newer BEFORE INSERT OR UPDATE ON blocks FOR EACH ROW
	EXECUTE FUNCTION replicate_newer('user_id', 'target_id', 'state, version, created_at, updated_at');
--> statement-breakpoint
CREATE TRIGGER mutes_newer BEFORE INSERT OR UPDATE ON mutes FOR EACH ROW
	EXECUTE FUNCTION replicate_newer('user_id', 'target_id', 'state, version, created_at, updated_at');
--> statement-breakpoint
CREATE TRIGGER follow_requests_newer BEFORE INSERT OR UPDATE ON follow_requests FOR EACH ROW
	EXECUTE FUNCTION replicate_newer('followee_id', 'follower_id', 'version, created_at');
--> statement-breakpoint
-- They run for what replication brings, and for nothing else.
ALTER TABLE follows ENABLE REPLICA TRIGGER follows_newer;
--> statement-breakpoint
ALTER TABLE blocks ENABLE REPLICA TRIGGER blocks_newer;
--> statement-breakpoint
ALTER TABLE mutes ENABLE REPLICA TRIGGER mutes_newer;
--> statement-breakpoint
ALTER TABLE follow_requests ENABLE REPLICA TRIGGER follow_requests_newer;
