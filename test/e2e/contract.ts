import { expect, it } from 'vitest'
import { type Operation, operationsOf } from './openapi.ts'
import { answerOf } from './person.ts'
import { type Stage, untilFeedHas } from './stage.ts'

export function contract(on: () => Stage): void {
  it('answers are what /openapi.json says they are', async () => {
    const { fetch } = on().system
    const operations = new Map((await operationsOf(fetch)).map((operation) => [operation.id, operation]))
    const [author, reader] = await on().people(2)
    await on().followed(author, reader)
    const checked = async <T>(id: string, path: string, body?: unknown): Promise<T> => {
      const operation = operations.get(id)
      if (operation === undefined) throw new Error(`there is no operation ${id}`)
      const { status, body: answer } = await reader.call<T>(operation.method, path, body)
      expect({ id, status }).toEqual({ id, status: firstSuccess(operation) })
      const fits = operation.answers.get(status)?.safeParse(answer)
      expect({ id, fault: fits?.success === false ? fits.error.message : null, answer }).toMatchObject({ fault: null })
      return answer
    }

    const post = await author.post('a caption with "quotes", \u2028 and #tags')
    await untilFeedHas(reader, post)
    await checked('createPost', '/v1/posts', { caption: 'mine' })
    await checked('likePost', `/v1/posts/${post.id}/like`)
    const comment = await checked<{ id: string }>('createComment', `/v1/posts/${post.id}/comments`, {
      body: 'well said',
    })
    await checked('editComment', `/v1/posts/${post.id}/comments/${comment.id}`, { body: 'well said!' })
    for (const mode of ['ranked', 'following']) await checked('getFeed', `/v1/feed?limit=1&mode=${mode}`)
    await checked('getPost', `/v1/posts/${post.id}`)
    await checked('listComments', `/v1/posts/${post.id}/comments`)
    await checked('listLikes', `/v1/posts/${post.id}/likes`)
    await checked('getUser', `/v1/users/${author.username}`)
    await checked('getMe', '/v1/me')
    await checked('updateMe', '/v1/me', { bio: 'new here' })
    await checked('follow', `/v1/users/${author.id}/follow`)
    await checked('listUserPosts', `/v1/users/${author.id}/posts`)
    await checked('listFollowers', `/v1/users/${author.id}/followers`)
    await checked('listFollowing', `/v1/users/${reader.id}/following`)
    await checked('listMutuals', `/v1/users/${author.id}/mutuals`)
    await checked('listFollowRequests', '/v1/me/follow-requests')
    const board = await checked<{ id: string }>('createBoard', '/v1/boards', { name: 'keepers' })
    await checked('savePost', `/v1/boards/${board.id}/posts/${post.id}`)
    await checked('getBoard', `/v1/boards/${board.id}`)
    await checked('listBoards', '/v1/boards')
    await checked('listNotifications', '/v1/notifications')
    await checked('searchUsers', '/v1/search/users?q=group')
    await checked('searchPosts', '/v1/search/posts?q=caption')
    await checked('searchHashtags', '/v1/search/hashtags?q=tags')
    await checked('trendingPosts', '/v1/trending/posts')
    await checked('trendingHashtags', '/v1/trending/hashtags')
    await checked('reportSignals', '/v1/signals', { seen: [post.id] })
    await checked('report', '/v1/reports', { subject: { kind: 'post', id: post.id }, reason: 'spam' })
    await checked('createMedia', '/v1/media', { contentType: 'image/jpeg', bytes: 1_000 })
    await checked('publicKeys', '/.well-known/jwks.json')
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

const SUCCESSES: Record<string, number> = { savePost: 204, reportSignals: 202 }

/** What an operation answers when all is well. */
const firstSuccess = ({ id, answers }: Operation) => SUCCESSES[id] ?? [...answers.keys()].find((s) => s < 300)
