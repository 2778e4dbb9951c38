/** A signed-in person as a client of the api Worker, with the answers' shapes that the suites look at. */

export type Fetch = (path: string, init?: RequestInit) => Promise<Response>

export interface Answer<T> {
  status: number
  headers: Headers
  body: T
}

export interface PostAnswer {
  id: string
  author: { id: string; username: string }
  caption: string
  media: { id: string; urls: Record<'thumb' | 'small' | 'medium' | 'large', string> }[]
  likeCount: number
  commentCount: number
  liked: boolean
}

export interface FeedItem extends PostAnswer {
  reason: string
  why: string
}

export interface Page<T> {
  items: T[]
  cursor: string | null
}

export interface Session {
  userId: string
  username: string
  accessToken: string
  refreshToken: string
}

export interface Person {
  readonly id: string
  readonly username: string
  readonly token: string
  /** A JSON request; an answer without a JSON body reads as null. */
  call<T>(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer<T>>
  /** The same, for a request that must succeed. @throws Error with the whole answer when it does not */
  ask<T>(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<T>
  post(caption: string): Promise<PostAnswer>
  follow(target: { id: string }): Promise<void>
  /** The first page, newest first unless said otherwise. */
  feed(query?: string): Promise<Page<FeedItem>>
  /** Ids of the first page. */
  feedIds(query?: string): Promise<string[]>
  /** The same person at another point of presence. */
  at(fetch: Fetch): Person
  /** Takes a new token: one lasts a quarter of an hour. */
  renew(): Promise<void>
}

export function personOf(fetch: Fetch, session: Session): Person {
  const { userId: id, username } = session
  let { accessToken: token, refreshToken } = session
  const call = async <T>(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
    const json = body === undefined ? {} : { 'content-type': 'application/json' }
    const response = await fetch(path, {
      method,
      headers: { authorization: `Bearer ${token}`, ...json, ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    return answerOf<T>(response)
  }
  const ask = async <T>(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
    const answer = await call<T>(method, path, body, headers)
    if (answer.status < 300) return answer.body
    throw new Error(`${method} ${path} answered ${answer.status} ${JSON.stringify(answer.body)}`)
  }
  const feed = (query = 'mode=following&limit=100') => ask<Page<FeedItem>>('GET', `/v1/feed?${query}`)
  return {
    id,
    username,
    get token() {
      return token
    },
    call,
    ask,
    post: (caption) => ask<PostAnswer>('POST', '/v1/posts', { caption }),
    follow: (target) => ask('PUT', `/v1/users/${target.id}/follow`),
    feed,
    feedIds: async (query) => (await feed(query)).items.map((item) => item.id),
    at: (other) => personOf(other, { ...session, accessToken: token, refreshToken }),
    async renew() {
      const renewed = await ask<Session>('POST', '/v1/sessions/refresh', { refreshToken })
      token = renewed.accessToken
      refreshToken = renewed.refreshToken
    },
  }
}

export async function answerOf<T>(response: Response): Promise<Answer<T>> {
  const text = await response.text()
  const isJson = /\bjson\b/.test(response.headers.get('content-type') ?? '')
  return { status: response.status, headers: response.headers, body: (isJson ? JSON.parse(text) : null) as T }
}

/**
 * Makes accounts at the origin itself: the edge allows an address sixty a minute, which a suite would use up.
 * @param prefix begins every user name; must be new
 */
export async function makePeople(
  origin: { url: string; serviceToken: string },
  fetchApi: Fetch,
  prefix: string,
  count: number,
): Promise<Person[]> {
  const register = async (n: number) => {
    const username = `${prefix}${n}`
    const response = await fetch(`${origin.url}/internal/accounts.register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${origin.serviceToken}` },
      body: JSON.stringify({ username, email: `${username}@example.org`, password: 'correct horse battery' }),
    })
    const answer = await answerOf<Session>(response)
    if (answer.status !== 200) throw new Error(`registering answered ${answer.status} ${JSON.stringify(answer.body)}`)
    return personOf(fetchApi, answer.body)
  }
  const people: Person[] = []
  for (let n = 0; n < count; n += 4) {
    const some = Array.from({ length: Math.min(4, count - n) }, (_, i) => register(n + i))
    people.push(...(await Promise.all(some)))
  }
  return people
}

/** Every page of a feed, down to its end. `between` runs after each page: what happens while somebody scrolls. */
export async function walkFeed(
  reader: Person,
  query: string,
  between: (page: number) => Promise<void> = async () => {},
): Promise<FeedItem[]> {
  const items: FeedItem[] = []
  let cursor: string | null = null
  for (let page = 0; page < 500; page++) {
    const answer: Page<FeedItem> = await reader.feed(cursor === null ? query : `${query}&cursor=${cursor}`)
    items.push(...answer.items)
    cursor = answer.cursor
    if (cursor === null) return items
    await between(page)
  }
  throw new Error('the feed does not end')
}
