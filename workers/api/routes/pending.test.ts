/** What was promised with a 202 and is deleted before the queue brings it. */
import { describe, expect, it } from 'vitest'
import { away, call, deliver, keptQueue, person, picture, publish, type TestPerson } from '../testing.ts'

interface Promised {
  id: string
}

/** Two tries under one key, each without some of the stores: where they could not know of one another, they promised two ids. */
const HALVES: [string, Partial<ApiEnv>, Partial<ApiEnv>][] = [
  ['Postgres, its retry Redis', { ...away.redis, ...away.origin }, away.postgres],
  ['Redis, its retry Postgres', away.postgres, away.redis],
  ['neither, nor its retry', { ...away.postgres, ...away.redis }, { ...away.postgres, ...away.redis }],
]

/** Makes a request under one key without these stores, and then without those. Answers the ids of those that were accepted. */
async function tryTwice(verb: string, token: string, body: unknown, tries: readonly Partial<ApiEnv>[], queue: Queue) {
  const headers = { 'idempotency-key': crypto.randomUUID() }
  const ids: string[] = []
  for (const without of tries) {
    const env = { ...without, DEFERRED_WRITES: queue }
    const { status, body: answer } = await call<Promised>(verb, { token, headers, body, env })
    if (status < 300) ids.push(answer.id)
  }
  return ids
}

/** Brings what was queued, twice, since the queue may. */
async function deliverTwice(messages: readonly unknown[]): Promise<void> {
  for (let i = 0; i < 2; i++) expect(await deliver(messages, 'deferred-writes')).toEqual(messages.map(() => 'done'))
}

describe('a comment that is deleted before it comes', () => {
  const path = (post: string) => `/v1/posts/${post}/comments`
  const listed = async (post: string) => (await call<{ items: unknown[] }>(`GET ${path(post)}`)).body.items
  /** A post of which the isolate knows whose it is. */
  async function known(author: TestPerson, reader: TestPerson): Promise<string> {
    const post = await publish(author)
    await call(`POST /v1/posts/${post}/like`, { token: reader.token })
    return post
  }

  it('does not come', async () => {
    const [ann, bob] = [await person(), await person()]
    const post = await known(ann, bob)
    const { queue, messages } = keptQueue()
    const env = { ...away.origin, DEFERRED_WRITES: queue }
    const promised = await call<Promised>(`POST ${path(post)}`, { token: bob.token, body: { body: 'no, wait' }, env })
    expect(promised.status).toBe(202)
    const verb = `DELETE ${path(post)}/${promised.body.id}`
    // Nobody else knows of it, not even the post's author.
    expect((await call(verb, { token: ann.token })).status).toBe(404)
    for (let i = 0; i < 2; i++) expect((await call(verb, { token: bob.token })).status).toBe(204)
    await deliverTwice(messages)
    expect(await listed(post)).toEqual([])
    expect((await call(verb, { token: bob.token })).status).toBe(204)
  })

  it.each(['in this order', 'the other way round'])(
    'does not come when both were queued, brought %s',
    async (order) => {
      const [ann, bob] = [await person(), await person()]
      const post = await known(ann, bob)
      const { queue, messages } = keptQueue()
      const more = { token: bob.token, env: { ...away.origin, DEFERRED_WRITES: queue } }
      const promised = await call<Promised>(`POST ${path(post)}`, { ...more, body: { body: 'no, wait' } })
      const deleted = await call(`DELETE ${path(post)}/${promised.body.id}`, more)
      expect(deleted).toMatchObject({ status: 202, body: { id: promised.body.id } })
      if (order !== 'in this order') messages.reverse()
      for (const message of messages) await deliverTwice([message])
      expect(await listed(post)).toEqual([])
    },
  )

  it.each(HALVES)('does not come under the id of another try, where a try reached only %s', async (_, ...tries) => {
    const [ann, bob] = [await person(), await person()]
    for (const deleted of [0, 1]) {
      const post = await known(ann, bob)
      const { queue, messages } = keptQueue()
      const ids = await tryTwice(`POST ${path(post)}`, bob.token, { body: 'no, wait' }, tries, queue)
      const id = ids[deleted] ?? ids[0]
      // With both stores away nobody can say whose post this is: nothing was accepted.
      if (id === undefined) continue
      expect((await call(`DELETE ${path(post)}/${id}`, { token: bob.token })).status).toBe(204)
      await deliverTwice(messages)
      expect(await listed(post)).toEqual([])
    }
  })
})

describe('a comment that is edited before it comes', () => {
  const path = (post: string) => `/v1/posts/${post}/comments`
  const listed = async (post: string) => (await call<{ items: { body: string }[] }>(`GET ${path(post)}`)).body.items
  async function promised(without: Partial<ApiEnv>) {
    const [ann, bob] = [await person(), await person()]
    const post = await publish(ann)
    await call(`POST /v1/posts/${post}/like`, { token: bob.token })
    const { queue, messages } = keptQueue()
    const env = { ...without, DEFERRED_WRITES: queue }
    const { body } = await call<Promised>(`POST ${path(post)}`, { token: bob.token, body: { body: 'frist' }, env })
    const verb = `PATCH ${path(post)}/${body.id}`
    const edit = (text: string, { token } = bob, more = {}) => call(verb, { token, body: { body: text }, ...more })
    return { ...{ ann, bob, post, id: body.id, env, messages, verb, edit } }
  }

  it('comes as it was edited last, and can be edited then', async () => {
    const { ann, post, id, messages, edit } = await promised(away.origin)
    expect((await edit('mine', ann)).status).toBe(404)
    for (const text of ['second', 'first']) {
      expect(await edit(text)).toMatchObject({ status: 202, body: { status: 'accepted', id } })
    }
    await deliverTwice(messages)
    expect(await listed(post)).toMatchObject([{ id, body: 'first', editedAt: expect.any(String) }])
    expect(await edit('third')).toMatchObject({ status: 200, body: { body: 'third' } })
    await deliverTwice(messages)
    expect(await listed(post)).toMatchObject([{ body: 'third' }])
  })

  it.each(['in this order', 'the other way round'])(
    'comes as it was edited when both were queued, brought %s',
    async (order) => {
      const { bob, post, env, messages, edit } = await promised(away.origin)
      expect((await edit('first', bob, { env })).status).toBe(202)
      for (const message of order === 'in this order' ? messages : messages.toReversed()) await deliverTwice([message])
      expect(await listed(post)).toMatchObject([{ body: 'first' }])
    },
  )

  it('does not come when it was deleted as well', async () => {
    const { bob, post, messages, verb, edit } = await promised(away.origin)
    expect((await edit('first')).status).toBe(202)
    expect((await call(verb.replace('PATCH', 'DELETE'), { token: bob.token })).status).toBe(204)
    expect((await edit('risen')).status).toBe(404)
    await deliverTwice(messages)
    expect(await listed(post)).toEqual([])
  })
})

describe('a post that is deleted before it comes', () => {
  const shown = async ({ id, token }: TestPerson) =>
    (await call<{ items: { id: string }[] }>(`GET /v1/users/${id}/posts`, { token })).body.items

  it('does not come, and its picture is free for another', async () => {
    const [ann, bob] = [await person(), await person()]
    const { queue, messages } = keptQueue()
    const env = { ...away.postgres, DEFERRED_WRITES: queue }
    const body = { caption: 'no, wait', mediaIds: [await picture(ann.id)] }
    const promised = await call<Promised>('POST /v1/posts', { token: ann.token, body, env })
    expect(promised.status).toBe(202)
    const verb = `DELETE /v1/posts/${promised.body.id}`
    expect((await call(verb, { token: bob.token })).status).toBe(404)
    // As long as Postgres is away nobody says that it is gone.
    expect((await call(verb, { token: ann.token, env })).status).toBe(503)
    for (let i = 0; i < 2; i++) expect((await call(verb, { token: ann.token })).status).toBe(204)
    await deliverTwice(messages)
    expect((await call(`GET /v1/posts/${promised.body.id}`, { token: ann.token })).status).toBe(404)
    expect(await shown(ann)).toEqual([])
    expect((await call('GET /v1/me', { token: ann.token })).body).toMatchObject({ postCount: 0 })
    const next = await call<Promised>('POST /v1/posts', { token: ann.token, body })
    expect(next.status).toBe(201)
    expect(await shown(ann)).toMatchObject([{ id: next.body.id }])
  })

  it.each(HALVES)('does not come under the id of another try, where a try reached only %s', async (_, ...tries) => {
    const ann = await person()
    for (const deleted of [0, 1]) {
      for (const order of [1, -1]) {
        const { queue, messages } = keptQueue()
        const ids = await tryTwice('POST /v1/posts', ann.token, { caption: 'once' }, tries, queue)
        expect((await call(`DELETE /v1/posts/${ids[deleted]}`, { token: ann.token })).status).toBe(204)
        for (const message of order === 1 ? messages : messages.toReversed()) await deliverTwice([message])
        expect(await shown(ann)).toEqual([])
      }
    }
  })
})
