import { describe, expect, it } from 'vitest'
import { call, person, tokenOf } from '../testing.ts'

describe('smoke', () => {
  it('knows who asks', async () => {
    const ann = await person()
    const answer = await call<{ username: string }>('GET /v1/me', { token: ann.token })
    expect(answer).toMatchObject({ status: 200, body: { username: ann.username } })
    void tokenOf
  })
})
