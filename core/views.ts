/** The addresses of the page's views: the page shows what stands here, the Worker answers every other address with 404. */

export type ViewName = 'feed' | 'search' | 'notifications' | 'person' | 'tag' | 'post' | 'board'

export interface Place {
  view: ViewName
  /** What the address names: a user name, a hashtag, an id; empty where it names nothing. As it is written there. */
  name: string
}

const PLAIN = new Map<string, ViewName>([
  ['/', 'feed'],
  ['/following', 'feed'],
  ['/search', 'search'],
  ['/notifications', 'notifications'],
])
/** By the first part of the path, with what the second may be. */
const NAMED = new Map<string, { view: ViewName; names: RegExp }>([
  ['u', { view: 'person', names: /^[^/]+$/ }],
  ['tag', { view: 'tag', names: /^[^/]+$/ }],
  ['p', { view: 'post', names: /^\d{1,20}$/ }],
  ['b', { view: 'board', names: /^\d{1,20}$/ }],
])

/** The view at a path, without its query; null where there is none. */
export function placeOf(path: string): Place | null {
  const plain = PLAIN.get(path)
  if (plain !== undefined) return { view: plain, name: '' }
  const [, kind = '', name = ''] = /^\/(\w+)\/([^/]+)$/.exec(path) ?? []
  const named = NAMED.get(kind)
  return named?.names.test(name) ? { view: named.view, name } : null
}
