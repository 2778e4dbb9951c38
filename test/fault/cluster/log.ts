/** What a client was told: every write in it was acknowledged. */
import type { Person } from '../../e2e/person.ts'

export interface LoggedPost {
  id: string
  author: Person
  caption: string
  status: number
  /** An upload of its author's that it shows. */
  mediaId?: string
}

export interface LoggedComment {
  id: string
  post: string
  author: string
  body: string
  status: number
}

export interface WriteLog {
  /** Those that were not deleted. */
  posts: LoggedPost[]
  deleted: LoggedPost[]
  /** Post → who likes it, and has not taken it back. */
  likes: Map<string, Set<string>>
  /** How many were taken back. */
  unlikes: number
  comments: LoggedComment[]
  deletedComments: LoggedComment[]
  /** `follower>followee` */
  follows: Set<string>
}

export const emptyLog = (): WriteLog => ({
  posts: [],
  deleted: [],
  likes: new Map(),
  unlikes: 0,
  comments: [],
  deletedComments: [],
  follows: new Set(),
})

/** `12 posts, 3 deleted; …` */
export function summaryOf({ posts, deleted, likes, unlikes, comments, deletedComments, follows }: WriteLog): string {
  const liked = [...likes.values()].reduce((sum, { size }) => sum + size, 0)
  return [
    `${posts.length + deleted.length} posts (${posts.filter(({ mediaId }) => mediaId !== undefined).length} with a picture)`,
    `${deleted.length} of them deleted`,
    `${liked + unlikes} likes, ${unlikes} taken back`,
    `${comments.length + deletedComments.length} comments, ${deletedComments.length} deleted`,
    `${follows.size} follows`,
  ].join(', ')
}
