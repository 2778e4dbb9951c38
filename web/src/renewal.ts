/** Addresses of private pictures expire: a picture that is refused has its post read again, once. */
import type { Id, Media, Post } from './api.ts'
import type { Api } from './http.ts'

/** The picture with addresses that differ from those that failed; null when there are none. */
export type Renewal = (failed: Media) => Promise<Media | null>

/** Signed for whom the account lets see it. An address without a signature is never refused for its age. */
const isSigned = ({ urls }: Media): boolean => urls.medium.includes('?')

/** The post is read again once at most, however many of its pictures fail. */
export function renewOnce(api: Pick<Api, 'call'>, post: Id): Renewal {
  let again: Promise<Post> | null = null
  return async (failed) => {
    if (!isSigned(failed)) return null
    again ??= api.call<Post>(`/v1/posts/${post}`)
    try {
      const fresh = mediaOf(await again, failed.id)
      return fresh === undefined || fresh.urls.medium === failed.urls.medium ? null : fresh
    } catch {
      return null
    }
  }
}

const mediaOf = (post: Post, id: Id): Media | undefined => post.media.find((media) => media.id === id)
