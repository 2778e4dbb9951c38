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

/** What tabs of one session tell each other: a refresh token counts once, and these tokens came for it. */
interface Succession {
  former: string
  tokens: Tokens | null
}

/** Where tabs hear each other; a BroadcastChannel. */
export type Tabs = Pick<BroadcastChannel, 'postMessage' | 'onmessage'>

/**
 * @param tabs A tab that is duplicated takes a copy of the storage along: two tabs with one refresh token, of which the second
 * use would end the session of both. So whoever uses it tells the others what came of it.
 */
export function createSessionStore(storage: Storage, tabs: Tabs | null = null): SessionStore {
  const tokenListeners: ((tokens: Tokens | null) => void)[] = []
  const listeners: ((session: Session | null) => void)[] = []
  let stored = read(storage)

  function keep(tokens: Tokens): void {
    const isNew = stored?.userId !== tokens.userId
    const { refreshToken, userId, username } = tokens
    stored = { refreshToken, userId, username }
    storage.setItem(KEY, JSON.stringify(stored))
    for (const listener of tokenListeners) listener(tokens)
    if (isNew) for (const listener of listeners) listener({ userId, username })
  }
  function end(): void {
    if (stored === null) return
    stored = null
    storage.removeItem(KEY)
    for (const listener of tokenListeners) listener(null)
    for (const listener of listeners) listener(null)
  }
  const tell = (former: string | undefined, tokens: Tokens | null) => {
    if (former !== undefined) tabs?.postMessage({ former, tokens } satisfies Succession)
  }
  if (tabs !== null) {
    tabs.onmessage = ({ data }: MessageEvent<Succession>) => {
      if (stored?.refreshToken !== data.former) return
      if (data.tokens === null) end()
      else keep(data.tokens)
    }
  }

  return {
    current: () => (stored === null ? null : { userId: stored.userId, username: stored.username }),
    refreshToken: () => stored?.refreshToken ?? null,
    keep(tokens) {
      // Another person's tokens succeed nothing.
      const former = stored?.userId === tokens.userId ? stored.refreshToken : undefined
      keep(tokens)
      tell(former, tokens)
    },
    end() {
      const former = stored?.refreshToken
      end()
      tell(former, null)
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
