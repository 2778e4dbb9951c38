/** A deleted post takes its pictures along: the original and everything that was made of it. */
import type { Id } from '#core/ids.ts'
import type { Consumer, EventLog } from '../event-log.ts'
import { type PlaceNeeds, removeMedia } from './place.ts'
import type { MediaStore } from './store.ts'

type DeletionNeeds = Pick<PlaceNeeds, 'objects' | 'purge'> & { store: Pick<MediaStore, 'ofDeletedPost'> }

/** Removes all objects of a deleted post's media, and has caches at the edge purged of them. */
export async function deleteMediaOf(postId: Id, needs: DeletionNeeds): Promise<void> {
  for (const { mediaId, avatar } of await needs.store.ofDeletedPost(postId)) {
    await removeMedia(mediaId, avatar, needs)
  }
}

export function consumeDeletions(log: EventLog, needs: DeletionNeeds): Consumer {
  return log.subscribe({
    group: 'media-deletes',
    topics: ['post.deleted'],
    handle: ({ data }) => deleteMediaOf(data.postId, needs),
  })
}
