/** The story as rows, and the statements that insert them many at a time. */
import { type SQL, sql } from 'drizzle-orm'
import type { Id } from '#core/ids.ts'
import type { Database } from '#drizzle/database.ts'
import { type Shards, writesAcross } from '#drizzle/placement.ts'
import { likeVersion } from '../engagement/index.ts'
import type { DemoPicture } from './posts.ts'
import { countBy, type Story } from './story.ts'

type TableRow = Record<string, unknown>

export interface TableRows {
  table: string
  rows: TableRow[]
}

/** Rows a statement: one JSON parameter of about half a megabyte. */
const ROWS_PER_STATEMENT = 1_500

const iso = (ms: number) => new Date(ms).toISOString()

/** Everything but the credentials, which come last: who can sign in finds all of it in place. */
export function storyRows(story: Story, celebrityAt: number): TableRows[] {
  const pictures = [...story.avatars.values(), ...story.posts.flatMap((post) => post.pictures)]
  const { likes, comments, boards } = story
  return [
    { table: 'users', rows: userRows(story) },
    { table: 'media', rows: pictures.map(mediaRow) },
    { table: 'posts', rows: postRows(story) },
    ...graphRows(story, celebrityAt),
    {
      table: 'likes',
      rows: likes.map(({ post, person, atMs }) => ({
        post_id: post.postId,
        user_id: person.userId,
        state: 'liked',
        liked_at: atMs,
        version: likeVersion(atMs, 'liked'),
      })),
    },
    {
      table: 'comments',
      rows: comments.map(({ commentId, parentId, post, person, body, createdMs }) => ({
        post_id: post.postId,
        comment_id: commentId,
        parent_id: parentId,
        user_id: person.userId,
        body,
        version: 1,
        created_at: iso(createdMs),
      })),
    },
    {
      table: 'boards',
      rows: boards.map(({ boardId, owner, name, createdMs }) => ({
        board_id: boardId,
        user_id: owner.userId,
        name,
        is_private: false,
        version: 1,
        created_at: iso(createdMs),
        updated_at: iso(createdMs),
      })),
    },
    {
      table: 'saves',
      rows: boards.flatMap(({ boardId, owner, posts, createdMs }) =>
        posts.map((post) => ({
          board_id: boardId,
          post_id: post.postId,
          user_id: owner.userId,
          state: 'active',
          version: 1,
          created_at: iso(Math.max(createdMs, post.createdMs)),
        })),
      ),
    },
  ]
}

function userRows({ people, avatars, posts, followers, following }: Story): TableRow[] {
  const postCounts = countBy(posts, (post) => post.author.userId)
  return people.map((person) => ({
    user_id: person.userId,
    username: person.username,
    email: person.email,
    display_name: person.displayName,
    profile_image_url: avatars.get(person)?.key ?? null,
    bio: person.bio,
    is_private: person.isPrivate,
    follower_count: followers.get(person.userId) ?? 0,
    following_count: following.get(person.userId) ?? 0,
    post_count: postCounts.get(person.userId) ?? 0,
    version: 1,
    created_at: iso(person.createdMs),
    updated_at: iso(person.createdMs),
  }))
}

const mediaRow = (picture: DemoPicture): TableRow => ({
  media_id: picture.mediaId,
  user_id: picture.userId,
  post_id: picture.postId,
  key: picture.key,
  content_type: 'image/jpeg',
  bytes: picture.photo.bytes.length,
  sha256: picture.photo.sha256,
  state: 'ready',
  width: picture.width,
  height: picture.height,
  blur: picture.blur,
  alt: picture.alt,
  version: 1,
  created_at: iso(picture.createdMs),
  updated_at: iso(picture.createdMs),
})

function postRows({ posts, likes, comments }: Story): TableRow[] {
  const likeCounts = countBy(likes, (like) => like.post.postId)
  const commentCounts = countBy(comments, (comment) => comment.post.postId)
  return posts.map((post) => ({
    post_id: post.postId,
    user_id: post.author.userId,
    caption: post.caption,
    media_urls: post.pictures.map(({ mediaId, type, key, width, height, alt, blur }) => ({
      ...{ mediaId, type, key, width, height, alt, blur },
    })),
    hashtags: post.hashtags,
    like_count: likeCounts.get(post.postId) ?? 0,
    comment_count: commentCounts.get(post.postId) ?? 0,
    state: 'visible',
    version: 1,
    created_at: iso(post.createdMs),
  }))
}

function graphRows({ people, follows, followers }: Story, celebrityAt: number): TableRows[] {
  const followRows = follows.map(({ follower, followee, requested, createdMs }) => ({
    follower_id: follower.userId,
    followee_id: followee.userId,
    state: requested ? 'requested' : 'active',
    version: 1,
    created_at: iso(createdMs),
    updated_at: iso(createdMs),
  }))
  const celebrities = people.filter((person) => (followers.get(person.userId) ?? 0) >= celebrityAt)
  return [
    { table: 'follows', rows: followRows },
    // The inverse holds what the graph tier has consumed: requests do not reach it.
    { table: 'followers', rows: followRows.filter((row) => row.state === 'active') },
    {
      table: 'follow_requests',
      rows: followRows
        .filter((row) => row.state === 'requested')
        .map(({ follower_id, followee_id, version, created_at }) => ({
          ...{ follower_id, followee_id, version, created_at },
        })),
    },
    {
      table: 'author_modes',
      rows: celebrities.map(({ userId }) => ({
        ...{ author_id: userId, mode: 'pull', applied_mode: 'pull', version: 1, applied_version: 1 },
      })),
    },
  ]
}

/** Whose rows they are, table by table; a follow is both people's. What is not here is the first database's. */
const OWNERS: Readonly<Record<string, readonly string[]>> = {
  users: ['user_id'],
  credentials: ['user_id'],
  media: ['user_id'],
  posts: ['user_id'],
  follows: ['follower_id', 'followee_id'],
  followers: ['followee_id'],
  follow_requests: ['followee_id'],
  author_modes: ['author_id'],
  boards: ['user_id'],
  saves: ['user_id'],
}

/** Rows by the database they belong to. The first row's comes last: what it marks is then done everywhere. */
function byDatabase(shards: Shards, table: string, rows: readonly TableRow[]): [Database, TableRow[]][] {
  const groups = new Map<Database, TableRow[]>()
  for (const row of rows) {
    const owners = OWNERS[table]?.map((column) => shards.of(String(row[column]) as Id)) ?? [shards.directory]
    for (const database of new Set(owners)) groups.set(database, [...(groups.get(database) ?? []), row])
  }
  return [...groups].reverse()
}

/** Enters people into the directory of several databases; in one there is nothing to enter. */
export function enterPeople({ rows }: TableRows): SQL {
  return writesAcross(sql`SELECT 1 AS entered`, ({ directory }) =>
    directory.query(sql`INSERT INTO directory (user_id, username, email, confirmed_at)
      SELECT user_id, username, email, created_at
        FROM jsonb_populate_recordset(NULL::users, ${JSON.stringify(rows)}::jsonb) ON CONFLICT DO NOTHING`),
  )
}

/**
 * Statements that insert rows where none stand under the same key. Columns that rows do not name keep their defaults;
 * Postgres itself reads each value as its column's type.
 */
export function insertStatements({ table, rows }: TableRows): { statement: SQL; rows: number }[] {
  const [first] = rows
  if (first === undefined) return []
  const columns = sql.raw(Object.keys(first).join(', '))
  const name = sql.raw(table)
  return Array.from({ length: Math.ceil(rows.length / ROWS_PER_STATEMENT) }, (_, i) => {
    const chunk = rows.slice(i * ROWS_PER_STATEMENT, (i + 1) * ROWS_PER_STATEMENT)
    const insert = (own: readonly TableRow[]) => sql`INSERT INTO ${name} (${columns})
      SELECT ${columns} FROM jsonb_populate_recordset(NULL::${name}, ${JSON.stringify(own)}::jsonb)
      ON CONFLICT DO NOTHING`
    const statement = writesAcross(insert(chunk), async (shards) => {
      for (const [database, own] of byDatabase(shards, table, chunk)) await database.query(insert(own))
      return []
    })
    return { statement, rows: chunk.length }
  })
}
