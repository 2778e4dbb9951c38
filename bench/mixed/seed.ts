/** Brings the population into Postgres, Redis and the object store, as two weeks of use would have left it. */
import pg from 'pg'
import sharp from 'sharp'
import { FANOUT_POLICY } from '#core/fanout-policy.ts'
import { FEED_POLICY } from '#core/feed/index.ts'
import { idMs } from '#core/ids.ts'
import { keys, MARK, SENTINEL } from '#core/keys.ts'
import type { Command, RedisPort } from '#core/redis.ts'
import { type PostRecord, writePost, writeUser } from '#core/timeline/index.ts'
import { makeVariants } from '../../origin/media/variants.ts'
import type { ObjectStore } from '../../origin/objects/index.ts'
import { batches } from '../feed/seed.ts'
import { seededRandom } from '../random.ts'
import {
  type AuthoredPost,
  allPosts,
  byPopularity,
  PICTURES,
  type Population,
  pictureKey,
  population,
} from './population.ts'
import { IMAGES_ACCEPTED, PRESETS_SHOWN, readersOfTheHourBefore } from './workload.ts'

export interface World extends Population {
  posts: AuthoredPost[][]
}

export const world = (nowMs: number): World => {
  const people = population(nowMs)
  return { ...people, posts: allPosts(people, nowMs) }
}

const CHUNK = 20_000

/** Accounts, posts, follows and their inverse, celebrities as such. */
export async function seedPostgres(url: string, { ids, follows, followers, posts }: World): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query('set synchronous_commit = off')
    const people = ids.map((id, i) => ({ id, i }))
    await inChunks(people, (chunk) =>
      client.query(
        `insert into users (user_id, username, email, display_name, profile_image_url, follower_count, following_count, post_count)
         select id, 'person' || i, 'person' || i || '@bench.test', 'Person ' || i, picture, followers, following, posts
           from unnest($1::bigint[], $2::int[], $3::text[], $4::int[], $5::int[], $6::int[])
             as p (id, i, picture, followers, following, posts)`,
        [
          ids.slice(chunk[0]?.i, (chunk.at(-1)?.i ?? 0) + 1),
          chunk.map(({ i }) => i),
          chunk.map(({ i }) => pictureKey(i % PICTURES)),
          chunk.map(({ i }) => followers[i] ?? 0),
          chunk.map(({ i }) => follows[i]?.length ?? 0),
          chunk.map(({ i }) => posts[i]?.length ?? 0),
        ],
      ),
    )
    const all = posts.flatMap((own, i) => own.map(({ id, picture }) => ({ id, picture, author: ids[i] ?? '' })))
    await inChunks(all, (chunk) => insertPosts(client, chunk))
    const edges = follows.flatMap((followed, i) =>
      [...followed].map((other) => [ids[i] ?? '', ids[other] ?? ''] as const),
    )
    await inChunks(edges, (chunk) =>
      client.query('insert into follows (follower_id, followee_id) select * from unnest($1::bigint[], $2::bigint[])', [
        chunk.map(([follower]) => follower),
        chunk.map(([, followee]) => followee),
      ]),
    )
    await client.query(
      'insert into followers (followee_id, follower_id) select followee_id, follower_id from follows order by 1, 2',
    )
    await client.query(
      `insert into author_modes (author_id, mode, applied_mode, version, applied_version)
       select id, 'pull', 'pull', 1, 1 from unnest($1::bigint[]) id`,
      [celebrities(followers).map((i) => ids[i])],
    )
    await client.query('vacuum analyze')
    await client.query('checkpoint')
  } finally {
    await client.end()
  }
}

const CAPTION = `${'An evening at the sea. '.repeat(7)}#sea #sun`

async function insertPosts(client: pg.Client, posts: readonly (AuthoredPost & { author: string })[]): Promise<unknown> {
  return await client.query(
    `insert into posts (post_id, user_id, caption, media_urls, hashtags, created_at)
     select id, author, $4, jsonb_build_array(jsonb_build_object('mediaId', id::text, 'type', 'image', 'key', key,
              'width', 1080, 'height', 1350, 'alt', 'A photo of the sea at dusk', 'blur', '1QcSHQRnh493V4dIh4eXh1h4kJUI')),
            '{sea,sun}', to_timestamp(ms / 1000.0)
       from unnest($1::bigint[], $2::bigint[], $3::text[], $5::bigint[]) as p (id, author, key, ms)`,
    [
      posts.map(({ id }) => id),
      posts.map(({ author }) => author),
      posts.map(({ picture }) => pictureKey(picture)),
      CAPTION,
      posts.map(({ id }) => idMs(id)),
    ],
  )
}

async function inChunks<T>(list: readonly T[], work: (chunk: readonly T[]) => Promise<unknown>): Promise<void> {
  for (let i = 0; i < list.length; i += CHUNK) await work(list.slice(i, i + CHUNK))
}

const celebrities = (followers: Int32Array): number[] =>
  [...followers.keys()].filter((i) => (followers[i] ?? 0) >= FANOUT_POLICY.celebrityAt)

/** Everybody's timeline, what else Redis holds of a reader, and the posts that were read in the hour before. */
export async function seedRedis(redis: RedisPort, { ids, follows, followers, posts }: World, nowMs: number) {
  const random = seededRandom(24)
  const popular = byPopularity(random)
  const isCelebrity = new Set(celebrities(followers))
  const send = batches(redis)
  const readers = readersOfTheHourBefore()
  const read = new Set<string>()
  const draw = () => {
    const own = posts[popular()] ?? []
    return own[Math.floor(random() * own.length)]?.id ?? '0'
  }
  for (const [i, user] of ids.entries()) {
    const followed = [...(follows[i] ?? [])]
    const pushed = [...followed.filter((other) => !isCelebrity.has(other)), i]
      .flatMap((author) => (posts[author] ?? []).map(({ id }) => ({ id, ms: idMs(id) })))
      .sort((a, b) => b.ms - a.ms)
    const kept = pushed.slice(0, FANOUT_POLICY.timelineLength)
    const floor = kept.length < pushed.length ? (kept.at(-1)?.ms ?? 0) : 0
    const merged = followed.filter((other) => isCelebrity.has(other)).map((other) => ids[other] ?? '')
    const candidates = Array.from({ length: FEED_POLICY.recommendedCandidates }, draw)
    const commands: Command[] = [
      ['ZADD', keys.timeline(user), floor, MARK, ...kept.flatMap(({ id, ms }) => [ms, id])],
      ['SADD', keys.hidden(user), SENTINEL],
      ['SADD', keys.celebs(user), SENTINEL, SENTINEL + nowMs, ...merged],
      ['ZADD', keys.liked(user), 0, MARK],
      ['ZADD', keys.rec(user), 0, SENTINEL, ...candidates.flatMap((id) => [random(), `${id}:recommended`])],
    ]
    await send(commands)
    if (!readers.has(i)) continue
    for (const { id } of kept.slice(0, FEED_POLICY.windowSize)) read.add(id)
    for (const id of candidates) read.add(id)
  }
  await sendPosts({ ids, posts }, read, send)
}

async function sendPosts(
  { ids, posts }: Pick<World, 'ids' | 'posts'>,
  read: ReadonlySet<string>,
  send: ReturnType<typeof batches>,
): Promise<void> {
  for (const [i, own] of posts.entries()) {
    const [id, name] = [ids[i] ?? '', `person${i}`]
    const avatar = pictureKey(i % PICTURES)
    await send(writeUser({ id, username: name, displayName: `Person ${i}`, avatar, isPrivate: false }, 1))
    for (const post of own) {
      if (read.has(post.id)) await send(writePost(recordOf(post, id)))
    }
  }
  await send([], true)
}

const recordOf = ({ id, picture }: AuthoredPost, userId: string): PostRecord => ({
  ...{ id, userId, caption: CAPTION, hashtags: ['sea', 'sun'], version: 1, awaitsMedia: false },
  media: [
    {
      ...{ mediaId: id, type: 'image', key: pictureKey(picture), width: 1080, height: 1350 },
      ...{ alt: 'A photo of the sea at dusk', blur: '1QcSHQRnh493V4dIh4eXh1h4kJUI' },
    },
  ],
})

/** Different photos; as many keys share them. */
const PHOTOS = 8
const UPLOADS_AT_ONCE = 16

/** Photos of 1080 by 1350 pixels under every picture's key, with the variants that the media tier makes of each. */
export async function seedPictures(objects: ObjectStore): Promise<void> {
  const photos = await Promise.all(Array.from({ length: PHOTOS }, (_, i) => photo(i)))
  const made = await Promise.all(photos.map((bytes) => makeVariants(bytes, pictureKey(0))))
  for (let i = 0; i < PICTURES; i += UPLOADS_AT_ONCE) {
    const some = Array.from({ length: Math.min(UPLOADS_AT_ONCE, PICTURES - i) }, (_, k) => i + k)
    await Promise.all(
      some.map(async (picture) => {
        const key = pictureKey(picture)
        await objects.put(key, photos[picture % PHOTOS] ?? new Uint8Array(), { contentType: 'image/jpeg' })
        for (const { key: name, bytes, contentType } of made[picture % PHOTOS] ?? []) {
          await objects.put(name.replace(stem(pictureKey(0)), stem(key)), bytes, { contentType })
        }
      }),
    )
  }
}

const stem = (key: string) => key.replace(/\.jpg$/, '')

/** Waves with a grain: about as many bytes as a phone's photo of that size. */
async function photo(seed: number): Promise<Uint8Array> {
  const random = seededRandom(seed)
  const [width, height] = [1_080, 1_350]
  const pixels = Buffer.alloc(width * height * 3)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const wave = 110 + 60 * Math.sin((x + seed * 90) / 47 + y / 91) + 30 * Math.sin(y / 13) + 6 * random()
      for (let c = 0; c < 3; c++) pixels[(y * width + x) * 3 + c] = Math.min(255, wave + c * 12)
    }
  }
  return await sharp(pixels, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: 82 })
    .toBuffer()
}

const ASKED_AT_ONCE = 3

/** Asks for each picture in each size that pages show, so that the cache has it. @throws Error when one does not come */
export async function fillImageCache(url: string): Promise<void> {
  const paths = PRESETS_SHOWN.flatMap((preset) =>
    Array.from({ length: PICTURES }, (_, picture) => `/img/${preset}/${pictureKey(picture)}`),
  )
  const next = paths.values()
  const ask = async () => {
    for (const path of next) {
      const answer = await fetch(url + path, { headers: { accept: IMAGES_ACCEPTED } })
      await answer.arrayBuffer()
      if (!answer.ok) throw new Error(`${path} answered ${answer.status}`)
    }
  }
  await Promise.all(Array.from({ length: ASKED_AT_ONCE }, ask))
}
