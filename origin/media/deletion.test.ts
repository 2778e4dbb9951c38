import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Id } from '#core/ids.ts'
import { deleteMediaOf } from './deletion.ts'
import { postgresMedia } from './postgres.ts'
import { jpeg, newId, openStage, type Stage } from './testing.ts'
import { workOnce } from './worker.ts'

let stage: Stage
beforeAll(async () => {
  stage = await openStage()
}, 60_000)
afterAll(() => stage.close())
beforeEach(() => stage.begin())

async function post({ mediaId, key }: { mediaId: Id; key: string }) {
  const postId = newId()
  await stage.pool.query("insert into posts (post_id, user_id, media_urls) values ($1, $2, '[]')", [postId, stage.user])
  await stage.pool.query('update media set post_id = $1 where media_id = $2', [postId, mediaId])
  return { postId, mediaId, key, prefix: `media/${mediaId}/` }
}

async function postWithPicture() {
  const media = await stage.upload(await jpeg())
  await stage.worker().jobs.add(media.mediaId, stage.now)
  expect(await workOnce(stage.worker())).toBe('done')
  return post(media)
}

/** What deletion works with, and the tags that it has asked to be purged. */
function deletion() {
  const purged: string[] = []
  const purge = async (tags: readonly string[]) => void purged.push(...tags)
  return { store: postgresMedia(stage.database), objects: stage.objects, purge, purged }
}

test('a deleted post takes its original and variants along, and only its own, also out of caches', async () => {
  const needs = deletion()
  const [gone, kept] = [await postWithPicture(), await postWithPicture()]
  await deleteMediaOf(gone.postId, needs)
  expect(needs.purged).toEqual([])
  expect((await stage.objects.list(gone.prefix)).items.length).toBeGreaterThan(1)
  await stage.pool.query('update posts set deleted_at = now() where post_id = $1', [gone.postId])
  for (let i = 0; i < 2; i++) await deleteMediaOf(gone.postId, needs)
  expect((await stage.objects.list(gone.prefix)).items).toEqual([])
  expect(new Set(needs.purged)).toEqual(new Set([`media:${gone.mediaId}`]))
  expect((await stage.objects.list(kept.prefix)).items.length).toBeGreaterThan(1)
})

test('the owner’s own picture outlives the post that it was in', async () => {
  const { postId, key, prefix } = await postWithPicture()
  await stage.account(false, key)
  await stage.pool.query('update posts set deleted_at = now() where post_id = $1', [postId])
  await deleteMediaOf(postId, deletion())
  expect((await stage.objects.list(prefix)).items.map((item) => item.key)).toContain(key)
})

test('variants that were being made when the post was deleted go as well', async () => {
  const { postId, mediaId } = await post(await stage.upload(await jpeg()))
  await stage.worker().jobs.add(mediaId, stage.now)
  let isDeleted = false
  const slow = stage.worker('slow', {
    objects: {
      ...stage.objects,
      put: async (...args) => {
        if (!isDeleted) {
          isDeleted = true
          await stage.pool.query('update posts set deleted_at = now() where post_id = $1', [postId])
          await deleteMediaOf(postId, deletion())
        }
        return stage.objects.put(...args)
      },
    },
  })
  expect(await workOnce(slow)).toBe('done')
  expect(await stage.objectsOf(mediaId)).toEqual([])
})
