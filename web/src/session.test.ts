import { afterEach, expect, it } from 'vitest'
import { createSessionStore, type SessionStore } from './session.ts'
import { memoryStorage, tokensOf } from './testing.ts'

const channels: BroadcastChannel[] = []
afterEach(() => {
  for (const channel of channels.splice(0)) channel.close()
})

/** A tab of the browser; `storage` is what it was duplicated with. */
function tab(storage = memoryStorage()): SessionStore {
  const channel = new BroadcastChannel('session.test')
  channels.push(channel)
  return createSessionStore(storage, channel)
}

function duplicated() {
  const storage = memoryStorage()
  const original = tab(storage)
  original.keep(tokensOf('ann', 'first'))
  return [original, tab(memoryStorage(storage))] as const
}

it('a duplicated tab takes over what came for the refresh token of both, whichever of them used it', async () => {
  const [original, copy] = duplicated()
  const heard: (string | undefined)[] = []
  original.onTokens((tokens) => heard.push(tokens?.accessToken))
  copy.keep(tokensOf('ann', 'second'))
  await expect.poll(() => original.refreshToken()).toBe('refresh second')
  expect(heard).toEqual(['access second'])
  original.keep(tokensOf('ann', 'third'))
  await expect.poll(() => copy.refreshToken()).toBe('refresh third')
})

it('signing out of one signs out of its duplicate, and of no other tab', async () => {
  const [original, copy] = duplicated()
  const other = tab()
  other.keep(tokensOf('ann', 'elsewhere'))
  copy.end()
  await expect.poll(() => original.current()).toBeNull()
  expect(other.current()).toMatchObject({ username: 'ann' })
})

it('a tab in which somebody else signs in says nothing to the others', async () => {
  const [original, copy] = duplicated()
  copy.keep(tokensOf('bob', 'bobs'))
  // Messages keep their order: this one comes after any that the tab would have sent before.
  original.keep(tokensOf('ann', 'second'))
  const third = tab(memoryStorage())
  third.keep(tokensOf('bob', 'bobs'))
  copy.keep(tokensOf('bob', 'newer'))
  await expect.poll(() => third.refreshToken()).toBe('refresh newer')
  expect([original.current()?.username, copy.current()?.username]).toEqual(['ann', 'bob'])
})
