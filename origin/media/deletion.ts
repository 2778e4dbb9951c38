/** A deleted post takes its pictures along: the original and everything that was made of it. */
import type { Id } from '#core/ids.ts'
import type { Consumer, EventLog } from '../event-log.ts'
import type { ObjectStore } from '../objects/index.ts'
import type { MediaStore } from './store.ts'

/** Removes all objects of a deleted post's media. What caches at the edge hold of them ends with their lifetime. */
export async function deleteMediaOf(
  postId: Id,
  store: Pick<MediaStore, 'ofDeletedPost'>,
  objects: ObjectStore,
): Promise<void> {
  for (const mediaId of await store.ofDeletedPost(postId)) {
    const { items } = await objects.list(`media/${mediaId}/`)
    if (items.length > 0) await objects.delete(items.map((item) => item.key))
  }
}

export function consumeDeletions(log: EventLog, store: MediaStore, objects: ObjectStore): Consumer {
  return log.subscribe({
    group: 'media-deletes',
    topics: ['post.deleted'],
    handle: ({ data }) => deleteMediaOf(data.postId, store, objects),
  })
}
