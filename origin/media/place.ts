/**
 * Where pictures lie (docs/correctness.md, rule 36): those of private accounts under `private/`, whose addresses are
 * signed; all others under `media/`, for everyone. When an account changes, its pictures move, one job each: copied
 * under keys that are new, written back to the post, then removed where they were, and purged from caches.
 */
import type { Clock, Id } from '#core/ids.ts'
import { isPrivateKey, mediaTag } from '#core/image/key.ts'
import type { Command, RedisPort } from '#core/redis.ts'
import { announce, writePost } from '#core/timeline/index.ts'
import type { ObjectStore } from '../objects/index.ts'
import { belongsTo, folderOf, movedKey, moveOf } from './rules.ts'
import type { MediaPlace, MediaStore } from './store.ts'

/** Content-addressed, so it never changes; what is signed is kept by nobody but its viewer. */
export const storedCacheControl = (key: string): string =>
  isPrivateKey(key) ? 'private, no-store' : 'public, max-age=31536000, immutable'

export interface PlaceNeeds {
  store: Pick<MediaStore, 'place' | 'post' | 'move'>
  objects: ObjectStore
  redis: RedisPort
  /** Asks caches at the edge to forget what they hold under these tags. */
  purge(tags: readonly string[]): Promise<void>
  clock: Clock
}

/**
 * Brings a media where it belongs, and removes what was left where it lay before. May be repeated at any step.
 * @returns where it lies now, or null when its post is deleted and nothing of it is left
 * @throws Error when there is no such media, or another move came between: try again
 */
export async function putInPlace(mediaId: Id, needs: PlaceNeeds): Promise<MediaPlace | null> {
  const { objects, redis, clock } = needs
  let place = await placeOf(mediaId, needs)
  // Again after each move: an account that changed meanwhile sent its event while the picture lay where it belonged.
  while (!place.isDeleted && isPrivateKey(place.key) !== place.ownerIsPrivate) {
    await move(place, needs)
    place = await placeOf(mediaId, needs)
  }
  if (place.isDeleted) {
    await removeMedia(mediaId, place.avatar, needs)
    return null
  }
  if (moveOf(place.key) > 0) {
    // Before anything is removed: no reader shall be given an address that is void.
    await redis.pipeline([
      ...(await showMoved(place, needs)),
      ...announce([{ kind: 'user', user: place.userId }], clock()),
    ])
    await removeFormer(place, needs)
  }
  await copyIfPortrait(place, objects)
  return place
}

/** Has everyone see the picture with which a private account presents itself, with the variants that there are. */
export async function copyIfPortrait(place: MediaPlace, objects: ObjectStore): Promise<void> {
  if (isPrivateKey(place.key) && isPictureOf(place)) await copyForAll(place.key, objects)
}

/** The post as it is now, rather than nothing: who has read it before the move could fill the gap with void addresses. */
async function showMoved({ postId }: MediaPlace, { store }: Pick<PlaceNeeds, 'store'>): Promise<Command[]> {
  const found = postId === null ? null : await store.post(postId)
  return found === null ? [] : writePost(found.post, found.counts)
}

async function placeOf(mediaId: Id, { store }: Pick<PlaceNeeds, 'store'>): Promise<MediaPlace> {
  const place = await store.place(mediaId)
  if (place === null) throw new Error('there is no such media')
  return place
}

async function move(place: MediaPlace, { store, objects }: PlaceNeeds): Promise<void> {
  const { mediaId, key: from, version, ownerIsPrivate } = place
  // The version makes the name new: of two that move at once, one finds the key changed.
  const moved = (key: string) => movedKey(key, version, ownerIsPrivate)
  const copies = await copyAll(from, moved, objects)
  if (await store.move(mediaId, { from, to: moved(from) })) return
  const now = await store.place(mediaId)
  if (now?.key !== moved(from)) await objects.delete(copies)
  throw new Error('the picture was moved by another')
}

/** Keys of an original and its variants, as they are there now. */
async function withVariants(original: string, objects: ObjectStore): Promise<string[]> {
  const { items } = await objects.list(original.slice(0, original.lastIndexOf('/') + 1))
  return items.map(({ key }) => key).filter((key) => belongsTo(key, original))
}

/** Copies an original with its variants, but those that are there. @returns the keys of all copies */
async function copyAll(
  original: string,
  to: (key: string) => string,
  objects: ObjectStore,
  there: readonly string[] = [],
): Promise<string[]> {
  const sources = await withVariants(original, objects)
  if (!sources.includes(original)) throw new Error('the original is gone')
  for (const key of sources.filter((source) => !there.includes(to(source)))) {
    const object = await objects.get(key)
    if (object === undefined) throw new Error('the picture was moved by another')
    const bytes = new Uint8Array(await new Response(object.body).arrayBuffer())
    await objects.put(to(key), bytes, { contentType: object.contentType, cacheControl: storedCacheControl(to(key)) })
  }
  return sources.map(to)
}

/**
 * Removes what earlier moves left behind. Keys of later moves stay: another may be about to switch to them; to an earlier
 * one nobody switches any more.
 */
async function removeFormer({ mediaId, key, avatar, ownerIsPrivate }: MediaPlace, needs: PlaceNeeds): Promise<void> {
  const found = await objectsOf(mediaId, needs.objects)
  const former = found.filter((object) => moveOf(object) < moveOf(key) && !isShownWith(object, avatar))
  if (former.length > 0) await needs.objects.delete(former)
  if (ownerIsPrivate) await needs.purge([mediaTag(mediaId)])
}

/** Removes all objects of a media but its owner's picture, and asks caches to forget them. */
export async function removeMedia(
  mediaId: Id,
  avatar: string | null,
  { objects, purge }: Pick<PlaceNeeds, 'objects' | 'purge'>,
): Promise<void> {
  const found = (await objectsOf(mediaId, objects)).filter((object) => !isShownWith(object, avatar))
  if (found.length > 0) await objects.delete(found)
  await purge([mediaTag(mediaId)])
}

async function objectsOf(mediaId: Id, objects: ObjectStore): Promise<string[]> {
  const pages = await Promise.all([true, false].map((isPrivate) => objects.list(folderOf(mediaId, isPrivate))))
  return pages.flatMap(({ items }) => items.map(({ key }) => key))
}

const isShownWith = (object: string, avatar: string | null) => avatar !== null && belongsTo(object, avatar)

const isPictureOf = ({ mediaId, avatar }: MediaPlace) => avatar?.startsWith(folderOf(mediaId, false)) ?? false

/**
 * Copies a private picture to the same name among the public ones: for its owner's own picture, which everyone sees beside
 * the name. What is there already is left alone; variants follow when they are made.
 */
export async function copyForAll(key: string, objects: ObjectStore): Promise<void> {
  const open = (object: string) => object.replace(/^private\//, 'media/')
  await copyAll(key, open, objects, await withVariants(open(key), objects))
}
