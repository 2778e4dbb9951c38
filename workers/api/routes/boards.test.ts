import { describe, expect, it } from 'vitest'
import { call, nextIdIs, person, publish, type TestPerson } from '../testing.ts'

interface BoardAnswer {
  id: string
  name: string
  isPrivate: boolean
  postCount: number
  items: { id: string }[]
  cursor: string | null
}

const board = (owner: TestPerson, body: unknown = { name: 'Boats' }, headers = {}) =>
  call<BoardAnswer>('POST /v1/boards', { token: owner.token, body, headers })

describe('boards', () => {
  it('keep posts, newest first, each once, and let them go', async () => {
    const [ann, bob] = [await person(), await person()]
    const { status, body } = await board(ann)
    expect([status, body.name, body.postCount]).toEqual([201, 'Boats', 0])
    const ids = [await publish(bob), await publish(bob), await publish(bob)]
    for (const id of [...ids, ids[0]]) {
      expect((await call(`PUT /v1/boards/${body.id}/posts/${id}`, { token: ann.token })).status).toBe(204)
    }
    const page = await call<BoardAnswer>(`GET /v1/boards/${body.id}?limit=2`)
    expect(page.body.postCount).toBe(3)
    const rest = await call<BoardAnswer>(`GET /v1/boards/${body.id}?limit=2&cursor=${page.body.cursor}`)
    expect([...page.body.items, ...rest.body.items].map((post) => post.id)).toEqual([...ids].reverse())
    await call(`DELETE /v1/boards/${body.id}/posts/${ids[0]}`, { token: ann.token })
    expect((await call<BoardAnswer>(`GET /v1/boards/${body.id}`)).body.items).toHaveLength(2)
  })

  it('that are private are their owner’s alone', async () => {
    const [ann, bob] = [await person(), await person()]
    const secret = (await board(ann, { name: 'Secret', isPrivate: true })).body
    const open = (await board(ann, { name: 'Open' })).body
    expect((await call(`GET /v1/boards/${secret.id}`, { token: bob.token })).status).toBe(404)
    const lists = async (token: string) =>
      (await call<BoardAnswer>(`GET /v1/boards?userId=${ann.id}`, { token })).body.items.map((item) => item.id)
    expect(await lists(bob.token)).toEqual([open.id])
    expect(await lists(ann.token)).toEqual([open.id, secret.id])
  })

  it('take nothing from others, nor what is not there, nor what one may not see', async () => {
    const [ann, bob, priv] = [await person(), await person(), await person({ isPrivate: true })]
    const { id } = (await board(ann)).body
    const post = await publish(bob)
    expect((await call(`PUT /v1/boards/${id}/posts/${post}`, { token: bob.token })).status).toBe(403)
    expect((await call(`DELETE /v1/boards/${id}/posts/${post}`, { token: bob.token })).status).toBe(403)
    expect((await call(`PUT /v1/boards/${id}/posts/123`, { token: ann.token })).status).toBe(404)
    expect((await call(`PUT /v1/boards/${id}/posts/${await publish(priv)}`, { token: ann.token })).status).toBe(404)
    expect((await call(`PUT /v1/boards/123/posts/${post}`, { token: ann.token })).status).toBe(404)
    expect((await call(`PUT /v1/boards/${id}/posts/${post}`)).status).toBe(401)
    expect((await call<BoardAnswer>(`GET /v1/boards/${id}`)).body.postCount).toBe(0)
  })

  it('take a new id when the first is somebody else’s, with a key and without', async () => {
    const [ann, bob] = [await person(), await person()]
    const taken = (await board(ann, { name: 'Hers' })).body.id
    for (const headers of [{}, { 'idempotency-key': 'board-1' }]) {
      nextIdIs(taken)
      const made = await board(bob, { name: 'His' }, headers)
      expect(made.status).toBe(201)
      expect(made.body.id).not.toBe(taken)
    }
    expect((await call<BoardAnswer>(`GET /v1/boards/${taken}`)).body.name).toBe('Hers')
  })

  it('are made once under one key', async () => {
    const ann = await person()
    const headers = { 'idempotency-key': 'board-1' }
    const [first, again] = [await board(ann, { name: 'A' }, headers), await board(ann, { name: 'A' }, headers)]
    expect(again).toMatchObject({ status: 201, body: first.body })
    expect((await board(ann, { name: 'B' }, headers)).status).toBe(422)
    expect((await call<BoardAnswer>('GET /v1/boards', { token: ann.token })).body.items).toHaveLength(1)
  })

  it.each([[{}], [{ name: ' ' }], [{ name: 'x'.repeat(101) }], [{ name: 'x', owner: '1' }]])(
    'refuse %j',
    async (body) => {
      expect((await board(await person(), body)).status).toBe(400)
    },
  )
})
