/** Profiles: anyone's by user name, and one's own. */
import { createRoute, z } from '@hono/zod-openapi'
import { problems } from '#core/problem.ts'
import { DISPLAY_NAME_MAX, foldLogin } from '#core/sign-up.ts'
import { announce, forgetUser } from '#core/timeline/index.ts'
import {
  type ChangedProfileRow,
  ownProfile,
  type ProfileRow,
  profileByName,
  updateProfile,
} from '#drizzle/queries/people.ts'
import { NOBODY } from '#drizzle/queries/visibility.ts'
import { type App, requireViewer } from '../context.ts'
import { applyToRedis, enqueue } from '../data/after-commit.ts'
import { notModified, weakTag } from '../middleware/conditional.ts'
import { presentProfile } from '../present/people.ts'
import type { Services } from '../services.ts'
import {
  body,
  conditional,
  id,
  ifNoneMatch,
  instant,
  json,
  maybeSignedIn,
  Person,
  refusals,
  signedIn,
  writing,
} from './schemas.ts'

export const Profile = Person.extend({
  bio: z.string(),
  isPrivate: z.boolean(),
  followerCount: z.number().int(),
  followingCount: z.number().int(),
  postCount: z.number().int(),
  createdAt: instant,
  relation: z
    .object({
      following: z.enum(['none', 'requested', 'active']),
      followsYou: z.boolean(),
      muted: z.boolean(),
      visible: z.boolean().openapi({ description: 'You may see posts, followers and followed.' }),
    })
    .optional(),
}).openapi('Profile')
export const OwnProfile = Profile.extend({ email: z.string() }).openapi('OwnProfile')
export const ProfileChange = z
  .strictObject({
    displayName: writing().max(DISPLAY_NAME_MAX).optional(),
    bio: writing().max(500).optional(),
    isPrivate: z.boolean().optional(),
    avatarMediaId: id
      .nullable()
      .optional()
      .openapi({ description: 'An uploaded picture of your own, which everyone will see; null removes it.' }),
  })
  .refine((change) => Object.keys(change).length > 0, 'Change at least one field.')

const show = createRoute({
  operationId: 'getUser',
  summary: 'Show somebody’s profile.',
  method: 'get',
  path: '/v1/users/{username}',
  tags: ['people'],
  security: maybeSignedIn,
  request: { params: z.strictObject({ username: writing().min(1).max(50) }) },
  parameters: [ifNoneMatch],
  responses: { ...conditional(Profile, 'The profile.'), ...refusals(401, 404) },
})
const me = createRoute({
  operationId: 'getMe',
  summary: 'Show your own profile.',
  method: 'get',
  path: '/v1/me',
  tags: ['people'],
  security: signedIn,
  parameters: [ifNoneMatch],
  responses: { ...conditional(OwnProfile, 'Your own profile.'), ...refusals(401) },
})
const change = createRoute({
  operationId: 'updateMe',
  summary: 'Change your own profile.',
  description: 'Also whether the account is private, and its picture.',
  method: 'patch',
  path: '/v1/me',
  tags: ['people'],
  security: signedIn,
  request: { body: body(ProfileChange) },
  responses: { 200: json(OwnProfile, 'The profile as it is now.'), ...refusals(401, 413, 415, 422) },
})

const tagOf = (row: ProfileRow) =>
  weakTag(
    row.user_id,
    row.version,
    row.follower_count,
    row.following_count,
    row.post_count,
    row.follow_state,
    Number(row.follows_viewer) * 2 + Number(row.muted),
  )

const presentOwn = (row: ProfileRow, { config }: Services) => ({
  ...presentProfile(row, row.user_id, config.imageBase),
  email: row.email ?? '',
})

export function registerUsers(app: App): void {
  app.openapi(show, async (c) => {
    const viewer = c.get('viewer')?.userId ?? null
    // User names are stored folded: the unique constraint compares bytes.
    const name = foldLogin(c.req.valid('param').username)
    const [row] = await c.get('services').db.query<ProfileRow>(profileByName(name, viewer ?? NOBODY))
    if (row === undefined) throw problems.notFound('person')
    return notModified(c, tagOf(row)) ?? c.json(presentProfile(row, viewer, c.get('services').config.imageBase), 200)
  })

  app.openapi(me, async (c) => {
    const { userId } = requireViewer(c)
    const [row] = await c.get('services').db.query<ProfileRow>(ownProfile(userId))
    if (row === undefined) throw problems.unauthorized('This account is gone.')
    return notModified(c, tagOf(row)) ?? c.json(presentOwn(row, c.get('services')), 200)
  })

  app.openapi(change, async (c) => {
    const { userId } = requireViewer(c)
    const services = c.get('services')
    const wanted = c.req.valid('json')
    if (wanted.avatarMediaId != null) {
      // A private picture gets its public copy now; with the origin away the event brings it, moments later.
      const picture = { mediaId: wanted.avatarMediaId, userId }
      await services.origin.call('media.openForAll', picture, c.get('trace')).catch(() => undefined)
    }
    const statement = updateProfile(userId, wanted, c.get('trace').traceparent)
    const [row] = await services.db.query<ChangedProfileRow>(statement)
    if (row === undefined) {
      throw problems.unprocessable('picture-unusable', 'The picture must be an uploaded image of your own.')
    }
    const { version } = row.event.data
    const word = announce([{ kind: 'user', user: userId }], services.clock())
    await applyToRedis(c, [forgetUser(userId, version), ...word])
    enqueue(c, [row.event])
    return c.json(presentOwn(row, c.get('services')), 200)
  })
}
