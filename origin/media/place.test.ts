import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { isPrivateKey, PREPARED_PRESETS } from '#core/image/key.ts'
import { parsePost, readPost, writePost } from '#core/timeline/index.ts'
import { eventually } from '../../test/contract/engines.ts'
import { putInPlace } from './place.ts'
import { postgresMedia, postgresMediaJobs } from './postgres.ts'
import { jpeg, newId, openStage, type Stage, sha256Of } from './testing.ts'
import { MEDIA_JOBS, workOnce } from './worker.ts'

let stage: Stage
beforeAll(async () => {
  stage = await openStage()
}, 60_000)
afterAll(() => stage.close())
beforeEach(() => stage.begin())

/** An original, the presets that pages show, and the stand-in. */
const WITH_VARIANTS = 2 + PREPARED_PRESETS.length

const jobs = () => postgresMediaJobs(stage.database)
const bytesAt = async (key: string) =>
  new Uint8Array(await new Response((await stage.objects.get(key))!.body).arrayBuffer())

/** Uploads a picture, has its variants made, and puts it into a post. */
async function postWithPicture() {
  const media = await stage.upload(await jpeg())
  await jobs().add(media.mediaId, stage.now)
  expect(await workOnce(stage.worker())).toBe('done')
  const postId = newId()
  const item = {
    mediaId: media.mediaId,
    type: 'image',
    key: media.key,
    width: 400,
    height: 300,
    alt: '',
    blur: media.blur,
  }
  await stage.pool.query('insert into posts (post_id, user_id, media_urls) values ($1, $2, $3)', [
    postId,
    stage.user,
    JSON.stringify([item]),
  ])
  await stage.pool.query('update media set post_id = $1 where media_id = $2', [postId, media.mediaId])
  return { ...media, postId }
}

/** Changes the account and works off what that queues; answers the tags that were to be purged. */
async function change(isPrivate: boolean, avatar: string | null = null): Promise<string[]> {
  const purged: string[] = []
  await stage.account(isPrivate, avatar)
  await jobs().addMoves(stage.user, stage.now)
  const worker = stage.worker('mover', { purge: async (tags) => void purged.push(...tags) })
  while ((await workOnce(worker)) !== 'idle');
  return purged
}

test('an upload of a private account is private from its first moment, variants too', async () => {
  await stage.account(true)
  const media = await postWithPicture()
  expect(isPrivateKey(media.key)).toBe(true)
  const objects = await stage.objectsOf(media.mediaId)
  expect(objects).toHaveLength(WITH_VARIANTS)
  expect(objects.every(isPrivateKey)).toBe(true)
  expect((await stage.objects.head(media.key))?.cacheControl).toBe('private, no-store')
})

test('when an account turns private, its pictures get keys that nobody knows, and nothing is left under the old ones', async () => {
  await stage.account(false)
  const bytes = await jpeg()
  const media = await postWithPicture()
  const before = await postgresMedia(stage.database).post(media.postId)
  await stage.redis.pipeline(writePost(before!.post))
  expect(await change(true)).toEqual([`media:${media.mediaId}`])

  const { key, state } = await stage.get(media.mediaId)
  expect(state).toBe('ready')
  expect(key).toMatch(new RegExp(`^private/${media.mediaId}/[0-9a-f]{32}-\\d+\\.jpg$`))
  expect(sha256Of(await bytesAt(key))).toBe(sha256Of(bytes))
  const objects = await stage.objectsOf(media.mediaId)
  expect(objects).toHaveLength(WITH_VARIANTS)
  expect(objects.every(isPrivateKey)).toBe(true)
  const row = (await stage.pool.query('select variants from media where media_id = $1', [media.mediaId])).rows[0]
  const variants = row.variants.map((variant: { key: string }) => variant.key)
  expect([key, ...variants].sort()).toEqual(objects)

  const post = (await stage.pool.query('select media_urls, version::int from posts where post_id = $1', [media.postId]))
    .rows[0]
  expect(post).toMatchObject({ version: 2, media_urls: [{ mediaId: media.mediaId, key, blur: media.blur }] })
  // A reader who was under way since before the move writes back what it had read.
  await stage.redis.pipeline(writePost(before!.post))
  const [delta, shown] = await stage.redis.pipeline([['ZSCORE', 'delta', `u:${stage.user}`], readPost(media.postId)])
  expect(parsePost(media.postId, shown)).toMatchObject({ post: { version: 2, media: [{ key }] } })
  expect(delta).not.toBeNull()
})

test('there and back again, each time under a new name, and never a picture lost', async () => {
  await stage.account(false)
  const media = await postWithPicture()
  const seen = new Set([media.key])
  for (const isPrivate of [true, false, true, false]) {
    const purged = await change(isPrivate)
    expect(purged.length > 0).toBe(isPrivate)
    const { key } = await stage.get(media.mediaId)
    expect(isPrivateKey(key)).toBe(isPrivate)
    expect(seen.has(key)).toBe(false)
    seen.add(key)
    expect(await stage.objectsOf(media.mediaId)).toHaveLength(WITH_VARIANTS)
    expect(sha256Of(await bytesAt(key))).toBe(sha256Of(await jpeg()))
  }
})

test('a move that dies at any step is finished by the next', async () => {
  await stage.account(false)
  const media = await postWithPicture()
  await stage.account(true)
  const calls = ['get', 'put', 'delete', 'list'] as const
  for (const broken of [...calls, 'pipeline', 'purge', 'move'] as const) {
    for (const at of [0, 1, 2]) {
      let count = 0
      const fail = () => {
        if (count++ === at) throw new Error('died')
      }
      const { objects, redis } = stage
      const store = postgresMedia(stage.database)
      const failing = <F extends (...args: never[]) => Promise<unknown>>(call: F): F =>
        (async (...args: Parameters<F>) => {
          fail()
          return call(...args)
        }) as F
      const needs = stage.worker('dying', {
        objects: (calls as readonly string[]).includes(broken)
          ? { ...objects, [broken]: failing(objects[broken as (typeof calls)[number]] as () => Promise<unknown>) }
          : objects,
        redis: broken === 'pipeline' ? { ...redis, pipeline: failing(redis.pipeline) } : redis,
        store: broken === 'move' ? { ...store, move: failing(store.move) } : store,
        purge: broken === 'purge' ? failing(async () => {}) : async () => {},
      })
      await putInPlace(media.mediaId, needs).catch(() => {})
      const { key } = await stage.get(media.mediaId)
      expect(await stage.objects.head(key), `${broken} ${at}`).toBeDefined()
    }
    const purged: string[] = []
    await putInPlace(media.mediaId, stage.worker('next', { purge: async (tags) => void purged.push(...tags) }))
    const objects = await stage.objectsOf(media.mediaId)
    expect(
      objects.filter((key) => !isPrivateKey(key)),
      broken,
    ).toEqual([])
    expect(purged).toEqual([`media:${media.mediaId}`])
    await change(false)
    await stage.account(true)
  }
})

test('movers at once and an account that changes its mind: one picture, in the right place in the end', async () => {
  await stage.account(false)
  const media = await postWithPicture()
  for (let round = 0; round < 6; round++) {
    await stage.account(round % 2 === 0)
    const racing = [0, 1, 2].map((i) => putInPlace(media.mediaId, stage.worker(`mover${i}`)).catch(() => {}))
    await stage.account(round % 2 === 1)
    await Promise.all([...racing, putInPlace(media.mediaId, stage.worker('late')).catch(() => {})])
    const { key } = await stage.get(media.mediaId)
    expect(await stage.objects.head(key)).toBeDefined()
  }
  await change(true)
  expect((await stage.objectsOf(media.mediaId)).every(isPrivateKey)).toBe(true)
  expect(sha256Of(await bytesAt((await stage.get(media.mediaId)).key))).toBe(sha256Of(await jpeg()))
})

test('a worker whose original is moved under it loses its job, and leaves no variants behind', async () => {
  await stage.account(false)
  const media = await stage.upload(await jpeg())
  await jobs().add(media.mediaId, stage.now)
  const slow = stage.worker('slow', {
    objects: {
      ...stage.objects,
      get: async (key) => {
        const object = await stage.objects.get(key)
        const body = new Uint8Array(await new Response(object!.body).arrayBuffer())
        await change(true)
        return { ...object!, body: new Response(body).body! }
      },
    },
  })
  expect(await workOnce(slow)).toBe('lost')
  expect(await stage.get(media.mediaId)).toMatchObject({ state: 'ready', key: expect.stringMatching(/^private/) })
  expect((await stage.objectsOf(media.mediaId)).every(isPrivateKey)).toBe(true)
})

test('who cleans up leaves the copies of a move that is about to be switched to', async () => {
  await stage.account(false)
  const media = await postWithPicture()
  await change(true)
  await stage.account(false)
  const store = postgresMedia(stage.database)
  const slow = stage.worker('slow', {
    store: {
      ...store,
      move: async (...args) => {
        await stage.account(true)
        await putInPlace(media.mediaId, stage.worker('cleaner'))
        await stage.account(false)
        return store.move(...args)
      },
    },
  })
  await putInPlace(media.mediaId, slow)
  const { key } = await stage.get(media.mediaId)
  expect(isPrivateKey(key)).toBe(false)
  expect(sha256Of(await bytesAt(key))).toBe(sha256Of(await jpeg()))
})

test('an account that turns private again while its picture is opened: its event finds nothing to do, the mover does', async () => {
  await stage.account(true)
  const media = await postWithPicture()
  await stage.account(false)
  const store = postgresMedia(stage.database)
  let moves = 0
  const slow = stage.worker('slow', {
    store: {
      ...store,
      move: async (...args) => {
        if (moves++ === 0) {
          await stage.account(true)
          expect(await jobs().addMoves(stage.user, stage.now)).toBe(0)
        }
        return store.move(...args)
      },
    },
  })
  await putInPlace(media.mediaId, slow)
  expect(moves).toBe(2)
  const { key } = await stage.get(media.mediaId)
  expect(sha256Of(await bytesAt(key))).toBe(sha256Of(await jpeg()))
  expect((await stage.objectsOf(media.mediaId)).every(isPrivateKey)).toBe(true)
})

test('variants are written down only beside the original that they were made of', async () => {
  await stage.account(false)
  const media = await stage.upload(await jpeg())
  await jobs().add(media.mediaId, stage.now)
  let moved = false
  const slow = stage.worker('slow', {
    objects: {
      ...stage.objects,
      put: async (...args) => {
        // Another whose lease had run out, but who did not know.
        if (!moved) {
          moved = true
          await stage.account(true)
          await putInPlace(media.mediaId, stage.worker('stray'))
        }
        return stage.objects.put(...args)
      },
    },
  })
  expect(await workOnce(slow)).toBe('lost')
  stage.now += MEDIA_JOBS.leaseMs
  expect(await workOnce(stage.worker('next'))).toBe('done')
  const row = (await stage.pool.query('select variants from media where media_id = $1', [media.mediaId])).rows[0]
  for (const { key } of row.variants) expect(await stage.objects.head(key), key).toBeDefined()
  expect((await stage.objectsOf(media.mediaId)).every(isPrivateKey)).toBe(true)
})

test('a private person’s own picture has a copy for everyone, beside the private one', async () => {
  await stage.account(true)
  const media = await postWithPicture()
  const open = media.key.replace('private/', 'media/')
  await stage.openForAll(media.mediaId)
  expect(await stage.objects.head(open)).toBeDefined()
  await stage.openForAll(media.mediaId, newId())
  await stage.account(true, open)
  await stage.objects.delete([open])
  await change(true, open)
  expect(await stage.objects.head(open)).toBeDefined()
  expect((await stage.get(media.mediaId)).key).toBe(media.key)
})

test('a private person’s own picture is chosen before its variants are made: everyone gets them all the same', async () => {
  await stage.account(true)
  const media = await stage.upload(await jpeg())
  const open = media.key.replace('private/', 'media/')
  await stage.openForAll(media.mediaId)
  await stage.account(true, open)
  await jobs().add(media.mediaId, stage.now)
  expect(await workOnce(stage.worker())).toBe('done')
  const objects = await stage.objectsOf(media.mediaId)
  expect(objects.filter((key) => !isPrivateKey(key))).toHaveLength(WITH_VARIANTS)
  expect(objects.filter(isPrivateKey)).toHaveLength(WITH_VARIANTS)
})

test('the own picture of a person who turns private stays where it is; what else it shows does not', async () => {
  await stage.account(false)
  const [face, other] = [await postWithPicture(), await postWithPicture()]
  await change(true, face.key)
  expect(await stage.objects.head(face.key)).toBeDefined()
  expect(isPrivateKey((await stage.get(face.mediaId)).key)).toBe(true)
  expect(await stage.objects.head(other.key)).toBeUndefined()
})

test('a deleted post’s picture is not moved but removed', async () => {
  await stage.account(false)
  const media = await postWithPicture()
  await stage.pool.query('update posts set deleted_at = now() where post_id = $1', [media.postId])
  expect(await change(true)).toEqual([`media:${media.mediaId}`])
  expect(await stage.objectsOf(media.mediaId)).toEqual([])
})

test('started, the tier moves the pictures of an account by its event', async () => {
  await stage.account(false)
  const media = await postWithPicture()
  const started = stage.open()
  started.start()
  await stage.account(true)
  await stage.accountChanged()
  await eventually(async () => isPrivateKey((await stage.get(media.mediaId)).key))
  await started.close()
})

test('started, the tier finds what private accounts have among the public pictures, without any event', async () => {
  await stage.account(false)
  const media = await postWithPicture()
  await stage.account(true)
  const started = stage.open()
  started.start()
  await eventually(async () => isPrivateKey((await stage.get(media.mediaId)).key))
  await started.close()
})
