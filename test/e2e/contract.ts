import { expect, it } from 'vitest'
import { photo, upload } from './media.ts'
import { type Operation, operationsOf } from './openapi.ts'
import { answerOf, type Fetch, type Person, type PostAnswer } from './person.ts'
import { type Stage, untilFeedHas } from './stage.ts'

/** Calls an operation as a person, or as nobody, and holds the answer against its description. */
type Check = <T>(who: Person | null, id: string, path: string, body?: unknown) => Promise<T>

export function contract(on: () => Stage): void {
  it('answers of every operation are what /openapi.json says they are', async () => {
    const { fetch } = on().system
    const operations = new Map((await operationsOf(fetch)).map((operation) => [operation.id, operation]))
    const [author, reader] = await on().people(2)
    await on().followed(author, reader)
    const post = await author.post('a caption with "quotes", \u2028 and #tags')
    await untilFeedHas(reader, post)

    const checked = new Set<string>()
    const check = checkOf(fetch, operations, checked)
    await aboutPosts(check, reader, author, post)
    await aboutPeople(check, reader, author)
    await aboutMediaAndBoards(check, reader, post)
    await aboutTheRest(check, reader, post)
    await aboutSessions(check)
    expect([...checked].sort(), 'operations that were checked').toEqual([...operations.keys()].sort())
  })

  it('an account is made, signed in, refreshed once and signed out', async () => {
    const { fetch } = on().system
    const send = async <T>(method: string, path: string, body: object) =>
      answerOf<T>(
        await fetch(path, { method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
      )
    type Session = { accessToken: string; refreshToken: string; userId: string }
    const account = { username: 'tove', email: 'tove@example.org', password: 'correct horse battery' }
    expect((await send('POST', '/v1/accounts', account)).status).toBe(201)
    expect(await send('POST', '/v1/accounts', account)).toMatchObject({ status: 409 })
    expect((await send('POST', '/v1/sessions', { login: 'tove', password: 'wrong' })).status).toBe(401)
    const session = await send<Session>('POST', '/v1/sessions', { login: 'tove', password: account.password })
    expect(session.status).toBe(201)
    const refreshed = await send<Session>('POST', '/v1/sessions/refresh', { refreshToken: session.body.refreshToken })
    expect(refreshed.status).toBe(200)
    expect(refreshed.body.refreshToken).not.toBe(session.body.refreshToken)
    const headers = { authorization: `Bearer ${refreshed.body.accessToken}` }
    expect((await fetch('/v1/me', { headers })).status).toBe(200)
    const signedOut = await fetch('/v1/sessions', {
      method: 'DELETE',
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify({ refreshToken: refreshed.body.refreshToken }),
    })
    expect(signedOut.status).toBe(204)
    expect((await send('POST', '/v1/sessions/refresh', { refreshToken: refreshed.body.refreshToken })).status).toBe(401)
  })
}

function checkOf(fetch: Fetch, operations: ReadonlyMap<string, Operation>, checked: Set<string>): Check {
  return async <T>(who: Person | null, id: string, path: string, body?: unknown): Promise<T> => {
    const operation = operations.get(id)
    if (operation === undefined) throw new Error(`there is no operation ${id}`)
    const pattern = new RegExp(`^${operation.path.replace(/\{\w+\}/g, '[^/]+')}$`)
    expect(path.split('?')[0], `the address of ${id}`).toMatch(pattern)
    const { method } = operation
    const json = { method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
    const { status, body: answer } = who
      ? await who.call<T>(method, path, body)
      : await answerOf<T>(await fetch(path, body === undefined ? { method } : json))
    expect({ id, status, answer }).toMatchObject({ id, status: operation.success })
    const schema = operation.answers.get(status)
    const fits = schema?.safeParse(answer)
    expect({ id, fault: fits?.success === false ? fits.error.message : null, answer }).toMatchObject({ fault: null })
    if (schema === undefined) expect({ id, answer }).toEqual({ id, answer: null })
    checked.add(id)
    return answer
  }
}

async function aboutPosts(check: Check, reader: Person, author: Person, post: PostAnswer): Promise<void> {
  const path = `/v1/posts/${post.id}`
  const own = await check<PostAnswer>(reader, 'createPost', '/v1/posts', { caption: 'mine' })
  await check(reader, 'deletePost', `/v1/posts/${own.id}`)
  await check(reader, 'likePost', `${path}/like`)
  await check(reader, 'listLikes', `${path}/likes`)
  await check(reader, 'unlikePost', `${path}/like`)
  await check(reader, 'sharePost', `${path}/share`)
  const comment = await check<{ id: string }>(reader, 'createComment', `${path}/comments`, { body: 'well said' })
  await check(reader, 'editComment', `${path}/comments/${comment.id}`, { body: 'well said!' })
  await check(reader, 'listComments', `${path}/comments`)
  await check(reader, 'deleteComment', `${path}/comments/${comment.id}`)
  await check(reader, 'getPost', path)
  for (const mode of ['ranked', 'following']) await check(reader, 'getFeed', `/v1/feed?limit=1&mode=${mode}`)
  await check(reader, 'listUserPosts', `/v1/users/${author.id}/posts`)
}

async function aboutPeople(check: Check, reader: Person, author: Person): Promise<void> {
  await check(reader, 'getMe', '/v1/me')
  await check(reader, 'updateMe', '/v1/me', { bio: 'new here' })
  await check(reader, 'getUser', `/v1/users/${author.username}`)
  await check(reader, 'listFollowers', `/v1/users/${author.id}/followers`)
  await check(reader, 'listFollowing', `/v1/users/${reader.id}/following`)
  await check(reader, 'listMutuals', `/v1/users/${author.id}/mutuals`)
  const of = `/v1/users/${author.id}`
  for (const id of ['mute', 'unmute']) await check(reader, id, `${of}/mute`)
  for (const id of ['block', 'unblock']) await check(reader, id, `${of}/block`)
  await author.ask('PATCH', '/v1/me', { isPrivate: true })
  await check(reader, 'follow', `${of}/follow`)
  await check(author, 'listFollowRequests', '/v1/me/follow-requests')
  await check(author, 'declineFollowRequest', `/v1/me/follow-requests/${reader.id}`)
  await check(reader, 'follow', `${of}/follow`)
  await check(author, 'acceptFollowRequest', `/v1/me/follow-requests/${reader.id}`)
  await author.ask('PATCH', '/v1/me', { isPrivate: false })
  await check(reader, 'unfollow', `${of}/follow`)
}

async function aboutMediaAndBoards(check: Check, reader: Person, post: PostAnswer): Promise<void> {
  await check(reader, 'createMedia', '/v1/media', { contentType: 'image/jpeg', bytes: 1_000 })
  const { id } = await upload(reader, await photo(64, 48))
  await check(reader, 'completeMedia', `/v1/media/${id}/complete`, {})
  await check(reader, 'getMedia', `/v1/media/${id}`)
  const board = await check<{ id: string }>(reader, 'createBoard', '/v1/boards', { name: 'keepers' })
  await check(reader, 'savePost', `/v1/boards/${board.id}/posts/${post.id}`)
  await check(reader, 'getBoard', `/v1/boards/${board.id}`)
  await check(reader, 'listBoards', '/v1/boards')
  await check(reader, 'unsavePost', `/v1/boards/${board.id}/posts/${post.id}`)
}

async function aboutTheRest(check: Check, reader: Person, post: PostAnswer): Promise<void> {
  await check(reader, 'listNotifications', '/v1/notifications')
  await check(reader, 'markNotificationsRead', '/v1/notifications/read', { upTo: post.id })
  await check(reader, 'searchUsers', '/v1/search/users?q=group')
  await check(reader, 'searchPosts', '/v1/search/posts?q=caption')
  await check(reader, 'searchHashtags', '/v1/search/hashtags?q=tags')
  await check(reader, 'trendingPosts', '/v1/trending/posts')
  await check(reader, 'trendingHashtags', '/v1/trending/hashtags')
  await check(reader, 'reportSignals', '/v1/signals', { seen: [post.id] })
  await check(reader, 'report', '/v1/reports', { subject: { kind: 'post', id: post.id }, reason: 'spam' })
  await check(null, 'publicKeys', '/.well-known/jwks.json')
  await check(null, 'health', '/health')
}

async function aboutSessions(check: Check): Promise<void> {
  const account = { username: 'openapi', email: 'openapi@example.org', password: 'correct horse battery' }
  await check(null, 'createAccount', '/v1/accounts', account)
  const signIn = { login: account.username, password: account.password }
  const { refreshToken } = await check<{ refreshToken: string }>(null, 'signIn', '/v1/sessions', signIn)
  const refreshed = await check<{ refreshToken: string }>(null, 'refreshSession', '/v1/sessions/refresh', {
    refreshToken,
  })
  await check(null, 'signOut', '/v1/sessions', { refreshToken: refreshed.refreshToken })
}
