/** The API's shapes, as far as the page reads them. Ids are decimal strings. */

export type Id = string

export interface Person {
  id: Id
  username: string
  displayName: string
  avatar: string | null
}

export interface Media {
  id: Id
  type: 'image' | 'video'
  width: number
  height: number
  alt: string
  /** thumbhash, base64. */
  blur: string | null
  urls: { thumb: string; small: string; medium: string; large: string }
}

export interface Post {
  id: Id
  author: Person
  caption: string
  hashtags: string[]
  media: Media[]
  createdAt: string
  likeCount: number
  commentCount: number
  liked: boolean
}

export type Reason = 'own' | 'follow' | 'celebrity' | 'tag' | 'recommended' | 'trending' | 'sponsored' | 'seen'

export interface FeedItem extends Post {
  reason: Reason
  why: string
}

export interface Page<T> {
  items: T[]
  cursor: string | null
}

export type FollowState = 'none' | 'requested' | 'active'

export interface Profile extends Person {
  bio: string
  isPrivate: boolean
  followerCount: number
  followingCount: number
  postCount: number
  /** Absent on one's own. */
  relation?: { following: FollowState; followsYou: boolean; muted: boolean; visible: boolean }
}

export interface Comment {
  id: Id
  author: Person
  parentId: Id | null
  body: string
  createdAt: string
  deleted: boolean
  /** Whether anybody has answered it: said of comments at the top of a list. */
  hasReplies?: boolean
}

export interface Notification {
  id: Id
  /** follow, follow-request, like, comment; later ones may come. */
  kind: string
  actor: Person
  /** The post that it is about. */
  subjectId: Id | null
  read: boolean
  createdAt: string
}

export interface Board {
  id: Id
  userId: Id
  name: string
  isPrivate: boolean
  postCount: number
}

export interface Upload {
  id: Id
  /** One a part, in order; one for the whole file without `partBytes`. */
  uploads: UploadTarget[]
  partBytes: number | null
}

export interface UploadTarget {
  url: string
  headers: Record<string, string>
}

/** Accepted and kept in a queue: it will be there soon. */
export interface Accepted {
  status: 'accepted'
  id?: Id
}

export interface Tokens {
  accessToken: string
  refreshToken: string
  /** Seconds. */
  expiresIn: number
  userId: Id
  username: string
}
