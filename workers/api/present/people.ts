/** People as clients see them. */
import { presentAuthor } from '#core/feed/present.ts'
import { type Id, idMs } from '#core/ids.ts'
import { imageUrl } from '#core/image/index.ts'
import { userRecord } from '#drizzle/queries/feed.ts'
import type { PersonRow } from '#drizzle/queries/graph.ts'
import type { ProfileRow } from '#drizzle/queries/people.ts'

export interface PersonJson {
  id: Id
  username: string
  displayName: string
  avatar: string | null
}

/** @param imageBase origin of image addresses, '' for relative ones */
export const presentPerson = (row: PersonRow, imageBase: string): PersonJson =>
  presentAuthor(userRecord(row), imageBase) as PersonJson

export interface ProfileJson extends PersonJson {
  bio: string
  isPrivate: boolean
  followerCount: number
  followingCount: number
  postCount: number
  createdAt: string
  relation?: { following: 'none' | 'requested' | 'active'; followsYou: boolean; muted: boolean; visible: boolean }
}

/** A profile; what relates it to the viewer only when somebody looks who is not its owner. */
export function presentProfile(row: ProfileRow, viewer: Id | null, imageBase: string): ProfileJson {
  const self = row.user_id === viewer
  return {
    ...presentPerson(row, imageBase),
    avatar: row.profile_image_url === null ? null : imageUrl(imageBase, row.profile_image_url, 'small'),
    bio: row.bio,
    isPrivate: row.is_private,
    followerCount: row.follower_count,
    followingCount: row.following_count,
    postCount: row.post_count,
    createdAt: new Date(idMs(row.user_id)).toISOString(),
    ...(self || viewer === null
      ? {}
      : {
          relation: {
            following: row.follow_state ?? ('none' as const),
            followsYou: row.follows_viewer,
            muted: row.muted,
            visible: row.open,
          },
        }),
  }
}
