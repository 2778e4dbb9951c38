/**
 * Who is signed in. The refresh token lies in sessionStorage, not localStorage: two tabs can be two people, and closing
 * the tab signs out. The access token never leaves memory.
 */
import type { Id, Tokens } from './api.ts'

export interface Session {
  userId: Id
  username: string
}

export interface SessionStore {
  current(): Session | null
  refreshToken(): string | null
  keep(tokens: Tokens): void
  end(): void
  /** Told whenever tokens come (and with null when the session ends). */
  onTokens(listener: (tokens: Tokens | null) => void): void
  onChange(listener: (session: Session | null) => void): void
}

const KEY = 'tideline.session'

export function createSessionStore(storage: Storage): SessionStore {
  const tokenListeners: ((tokens: Tokens | null) => void)[] = []
  const listeners: ((session: Session | null) => void)[] = []
  let stored = read(storage)
  return {
    current: () => (stored === null ? null : { userId: stored.userId, username: stored.username }),
    refreshToken: () => stored?.refreshToken ?? null,
    keep(tokens) {
      const isNew = stored?.userId !== tokens.userId
      const { refreshToken, userId, username } = tokens
      stored = { refreshToken, userId, username }
      storage.setItem(KEY, JSON.stringify(stored))
      for (const listener of tokenListeners) listener(tokens)
      if (isNew) for (const listener of listeners) listener({ userId, username })
    },
    end() {
      if (stored === null) return
      stored = null
      storage.removeItem(KEY)
      for (const listener of tokenListeners) listener(null)
      for (const listener of listeners) listener(null)
    },
    onTokens: (listener) => tokenListeners.push(listener),
    onChange: (listener) => listeners.push(listener),
  }
}

function read(storage: Storage): (Session & { refreshToken: string }) | null {
  try {
    const stored: unknown = JSON.parse(storage.getItem(KEY) ?? 'null')
    return stored !== null && typeof stored === 'object' && 'refreshToken' in stored
      ? (stored as Session & { refreshToken: string })
      : null
  } catch {
    return null
  }
}
