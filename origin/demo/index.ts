/**
 * The demo: about two hundred people who follow, post, like and comment, so that the first look at Tideline is at
 * something alive. Rows are written as every tier would have left them; what Redis holds is rebuilt on the first read,
 * but for the first recommendations.
 */
import { fileURLToPath } from 'node:url'
import { hash } from '@node-rs/argon2'
import { sql } from 'drizzle-orm'
import { type Clock, idMs } from '#core/ids.ts'
import { imageUrl } from '#core/image/index.ts'
import type { RedisPort } from '#core/redis.ts'
import type { Database } from '#drizzle/database.ts'
import { everywhere } from '#drizzle/placement.ts'
import { ARGON2 } from '../accounts/index.ts'
import type { ObjectStore } from '../objects/index.ts'
import { type DemoEngagement, storeEngagement } from './engagement-writes.ts'
import { ANCHOR_AGE_MS, type DemoPerson } from './people.ts'
import { readPhotos, storePhotos } from './photos.ts'
import { recommend, writeRecommendations } from './recommendations.ts'
import { enterPeople, insertStatements, storyRows } from './rows.ts'
import { type DemoSize, inventRoster, inventStory, type Story } from './story.ts'
import { TOPICS } from './topics.ts'

/** Every demo person's. */
export const DEMO_PASSWORD = 'tideline-demo'

const DEMO_SIZE: Readonly<DemoSize> = Object.freeze({ seed: 'tideline', people: 200, posts: 1_000 })

/** The followers from which the demo's authors are celebrities: low, so that two hundred people have some. */
const DEMO_CELEBRITY_AT = 60

const PHOTOS = fileURLToPath(new URL('../../ops/demo/photos', import.meta.url))

export interface DemoNeeds {
  database: Database
  objects: ObjectStore
  redis: RedisPort
  /** Where likes and comments are kept. Absent: in the database. */
  engagementStore?: DemoEngagement
  /** The search tier, which then indexes what was seeded. Absent: search finds none of it. */
  search?: { reindex(): Promise<unknown> }
  size?: Partial<DemoSize>
  celebrityAt?: number
  /** Folder of photos, a folder a class. */
  photos?: string
  clock?: Clock
  /** Told now and then how far a phase is. */
  onProgress?(done: number, total: number, label: string): void
}

export interface DemoSummary {
  /** seeded: now. already: before. occupied: the database has people of its own, and nothing was done. */
  state: 'seeded' | 'already' | 'occupied'
  people: number
  celebrities: number
  follows: number
  posts: number
  likes: number
  comments: number
}

/**
 * Seeds an empty Tideline. Given the same seed and instant it writes the same rows. Safe to repeat: a finished seeding is
 * left alone, and one that was interrupted is completed with the instant at which it began.
 */
export async function seedDemo(needs: DemoNeeds): Promise<DemoSummary> {
  const { database, clock = Date.now, onProgress = () => {} } = needs
  const size = { ...DEMO_SIZE, ...needs.size }
  const begun = await findBegun(database, size, Math.floor(clock()))
  if (begun.state !== 'open') return { state: begun.state, ...(await countDemo(database)) }
  const photos = await readPhotos(
    needs.photos ?? PHOTOS,
    TOPICS.flatMap((topic) => topic.classes.map((photoClass) => photoClass.name)),
  )
  const story = inventStory(size, photos, begun.nowMs)
  await storeStory(story, needs, onProgress)
  await storeCredentials(database, story.people, size.seed)
  return { state: 'seeded', ...(await countDemo(database)) }
}

type Begun = { state: 'already' | 'occupied' } | { state: 'open'; nowMs: number }

/** The first person marks the beginning, the first person's credentials the end: they are written last. */
async function findBegun(database: Database, size: DemoSize, nowMs: number): Promise<Begun> {
  const [first] = inventRoster({ ...size, people: 1 }, nowMs)
  if (first === undefined) return { state: 'open', nowMs }
  const statement = sql`
    SELECT (SELECT user_id FROM users WHERE username = ${first.username})::text AS user_id,
           EXISTS (SELECT 1 FROM users u JOIN credentials c ON c.user_id = u.user_id
                    WHERE u.username = ${first.username}) AS complete,
           EXISTS (SELECT 1 FROM users) AS occupied`
  const rows = await database.query<{ user_id: string | null; complete: boolean; occupied: boolean }>(
    everywhere(statement),
  )
  if (rows.some((row) => row.complete)) return { state: 'already' }
  const begun = rows.find((row) => row.user_id !== null)?.user_id
  if (begun) return { state: 'open', nowMs: idMs(begun) + ANCHOR_AGE_MS }
  return rows.some((row) => row.occupied) ? { state: 'occupied' } : { state: 'open', nowMs }
}

async function storeStory(
  story: Story,
  { database, objects, redis, engagementStore, search, celebrityAt = DEMO_CELEBRITY_AT }: DemoNeeds,
  onProgress: (done: number, total: number, label: string) => void,
): Promise<void> {
  // The rows of users first: they mark the beginning and keep its instant.
  const [users = { table: 'users', rows: [] }, ...tables] = storyRows(story, celebrityAt)
  for (const { statement } of insertStatements(users)) await database.query(statement)
  await database.query(enterPeople(users))

  const pictures = [...story.avatars.values(), ...story.posts.flatMap((post) => post.pictures)]
  await storePhotos(objects, pictures, (done) => onProgress(done, pictures.length, 'photos'))

  const isElsewhere = (table: string) => engagementStore !== undefined && (table === 'likes' || table === 'comments')
  const statements = tables.filter(({ table }) => !isElsewhere(table)).flatMap(insertStatements)
  const total = statements.reduce((sum, { rows }) => sum + rows, 0)
  let done = 0
  for (const { statement, rows } of statements) {
    await database.query(statement)
    done += rows
    onProgress(done, total, engagementStore === undefined ? 'follows, posts, likes and comments' : 'follows and posts')
  }
  if (engagementStore !== undefined) {
    await storeEngagement(story, engagementStore, (written, all) => onProgress(written, all, 'likes and comments'))
  }
  await search?.reindex()

  const recommended = [...recommend(story.people, story.follows, story.likes)]
  await redis.pipeline(recommended.flatMap(([person, posts]) => writeRecommendations(person, posts)))
}

/** One hash for all: two hundred would take seconds, and the password is no secret. */
async function storeCredentials(database: Database, people: readonly DemoPerson[], seed: string): Promise<void> {
  const salt = new TextEncoder().encode(`${seed}/demo-people`.padEnd(16, '.'))
  const passwordHash = await hash(DEMO_PASSWORD, { ...ARGON2, salt })
  const rows = people.map(({ userId }) => ({ user_id: userId, password_hash: passwordHash }))
  // The first person's mark the end.
  for (const { statement } of insertStatements({ table: 'credentials', rows }).reverse())
    await database.query(statement)
}

async function countDemo(database: Database): Promise<Omit<DemoSummary, 'state'>> {
  const statement = sql`
    SELECT (SELECT count(*)::int FROM users) AS people,
           (SELECT count(*)::int FROM author_modes WHERE mode <> 'push') AS celebrities,
           (SELECT count(*)::int FROM followers WHERE state = 'active') AS follows,
           (SELECT count(*)::int FROM posts WHERE deleted_at IS NULL) AS posts,
           (SELECT coalesce(sum(like_count), 0)::int FROM posts WHERE deleted_at IS NULL) AS likes,
           (SELECT coalesce(sum(comment_count), 0)::int FROM posts WHERE deleted_at IS NULL) AS comments`
  const rows = await database.query<Omit<DemoSummary, 'state'>>(everywhere(statement))
  const sum = (key: keyof Omit<DemoSummary, 'state'>) => rows.reduce((total, row) => total + row[key], 0)
  return {
    people: sum('people'),
    celebrities: sum('celebrities'),
    follows: sum('follows'),
    posts: sum('posts'),
    likes: sum('likes'),
    comments: sum('comments'),
  }
}

/** Somebody to sign in as. */
export interface DemoCard {
  username: string
  displayName: string
  bio: string
  followerCount: number
  /** Relative address of the picture at its smallest size. */
  avatarUrl: string | null
}

interface CardRow {
  username: string
  display_name: string
  bio: string
  follower_count: number
  profile_image_url: string | null
}

/** How many people the sign-in picker offers. */
const CARDS = 12

/** Demo people for the sign-in picker; the first four follow each other. None without the demo. */
export async function demoPeople(database: Database, seed = DEMO_SIZE.seed): Promise<DemoCard[]> {
  const names = inventRoster({ ...DEMO_SIZE, seed, people: CARDS }, Date.now()).map((person) => person.username)
  const statement = sql`
    SELECT u.username, u.display_name, u.bio, u.follower_count, u.profile_image_url
      FROM jsonb_array_elements_text(${JSON.stringify(names)}::jsonb) WITH ORDINALITY AS n (username, place)
      JOIN users u ON u.username = n.username
     WHERE u.deleted_at IS NULL AND u.email = u.username || '@people.example'
     ORDER BY n.place`
  const merge = (rows: CardRow[]) => rows.sort((a, b) => names.indexOf(a.username) - names.indexOf(b.username))
  const rows = await database.query<CardRow>(everywhere(statement, { merge }))
  return rows.map((row) => ({
    username: row.username,
    displayName: row.display_name,
    bio: row.bio,
    followerCount: row.follower_count,
    avatarUrl: row.profile_image_url === null ? null : imageUrl('', row.profile_image_url, 'thumb'),
  }))
}
