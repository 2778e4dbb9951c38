/** For tests in Node: what a browser would hold. */
import type { Tokens } from './api.ts'

/** A Storage in memory, with what another held: as a duplicated tab begins with. */
export function memoryStorage(copied: Storage | null = null): Storage {
  const items = new Map<string, string>()
  const storage: Storage = {
    get length() {
      return items.size
    },
    clear: () => items.clear(),
    key: (index) => [...items.keys()][index] ?? null,
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => void items.set(key, value),
    removeItem: (key) => void items.delete(key),
  }
  for (let index = 0; index < (copied?.length ?? 0); index++) {
    const key = copied?.key(index) ?? ''
    storage.setItem(key, copied?.getItem(key) ?? '')
  }
  return storage
}

/** Tokens of a person, good for a quarter of an hour; `which` tells them apart. */
export const tokensOf = (username: string, which: string): Tokens => ({
  accessToken: `access ${which}`,
  refreshToken: `refresh ${which}`,
  expiresIn: 900,
  userId: username,
  username,
})
