import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { call, person, publish } from '../testing.ts'

/** Characters that no store keeps as they are: U+0000, and either half of a surrogate pair by itself. */
const unkept = fc
  .tuple(fc.string(), fc.constantFrom('\0', '\ud800', '\udfff'), fc.string({ unit: fc.constantFrom('a', ' ', '🦀') }))
  .map(([before, wrong, after]) => `${before}${wrong}${after}`.slice(0, 90))
  .filter((text) => text.includes('\0') || !text.isWellFormed())

describe('a text with a character that cannot be kept', () => {
  it('is refused where it stands, and nothing is promised', async () => {
    const ann = await person()
    const post = await publish(ann)
    const { token } = ann
    const writes = (text: string): [string, object, string][] => [
      ['POST /v1/posts', { caption: text }, '/caption'],
      [`POST /v1/posts/${post}/comments`, { body: text }, '/body'],
      ['POST /v1/boards', { name: text }, '/name'],
      ['POST /v1/media', { contentType: 'image/jpeg', bytes: 9, alt: text }, '/alt'],
      ['POST /v1/reports', { subject: { kind: 'post', id: post }, reason: 'spam', detail: text }, '/detail'],
      ['PATCH /v1/me', { bio: text, displayName: text }, '/displayName'],
    ]
    const refused = async (text: string) => {
      for (const [verb, body, pointer] of writes(text)) {
        const answer = await call(verb, { token, body })
        expect(answer, verb).toMatchObject({ status: 400, body: { code: 'bad-request' } })
        expect(answer.body.errors?.map((error) => error.pointer)).toContain(pointer)
      }
    }
    await fc.assert(fc.asyncProperty(unkept, refused), { numRuns: 8 })
  })

  it('is refused in an address and at sign-in, too', async () => {
    for (const path of ['/v1/users/%00', '/v1/users/a%00b', '/v1/search/users?q=%00', '/v1/search/posts?q=a%00']) {
      expect(await call(`GET ${path}`), path).toMatchObject({ status: 400, body: { code: 'bad-request' } })
    }
    const signIn = await call('POST /v1/sessions', { body: { login: 'ann\0', password: 'whatever' } })
    expect(signIn).toMatchObject({ status: 400, body: { errors: [{ pointer: '/login' }] } })
  })
})
