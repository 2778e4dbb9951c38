/** What REDIS_URL names: one server, or some nodes of a cluster. */

interface ServerAddress {
  kind: 'server'
  url: string
}

export interface ClusterAddress {
  kind: 'cluster'
  /** Where to ask for the others; one that answers is enough. */
  nodes: { host: string; port: number }[]
  username: string | null
  password: string | null
  tls: boolean
}

export type RedisAddress = ServerAddress | ClusterAddress

const CLUSTER_SCHEME = /^(rediss?)\+cluster:\/\//

/**
 * Reads the address of Redis.
 * - `redis://[user:password@]host[:port][/db]`: one server; `rediss://` for TLS (`unix://` is handed through)
 * - several of them, separated by commas: nodes of one cluster, with the same user, password and scheme
 * - `redis+cluster://…`, `rediss+cluster://…`: a cluster known by one name, such as the configuration endpoint of a managed one
 *
 * @throws Error with a sentence; it shows neither user nor password
 */
export function parseRedisUrl(text: string): RedisAddress {
  // A comma may stand in a password: only one before another scheme separates.
  const parts = text.split(/\s*,\s*(?=[a-z+]+:\/\/)/).map((part) => part.trim())
  const urls = parts.filter(Boolean).map((part) => part.replace(CLUSTER_SCHEME, '$1://'))
  const [first, ...others] = urls
  if (first === undefined) throw new Error('is empty')
  if (others.length === 0 && !CLUSTER_SCHEME.test(text)) return { kind: 'server', url: first }
  return clusterOf(urls.map(parseNode))
}

function parseNode(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || !/^rediss?:$/.test(url.protocol) || url.hostname === '')
    throw new Error('must name the nodes of a cluster as redis://host:port, separated by commas')
  if (!/^\/?0?$/.test(url.pathname)) throw new Error('names a database: a cluster has only the one numbered 0')
  return url
}

function clusterOf(urls: readonly URL[]): ClusterAddress {
  const [first] = urls as [URL]
  const isAlike = (url: URL) =>
    url.protocol === first.protocol && url.username === first.username && url.password === first.password
  if (!urls.every(isAlike)) throw new Error('must give all nodes of a cluster the same scheme, user and password')
  return {
    kind: 'cluster',
    nodes: urls.map((url) => ({ host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || 6379) })),
    username: first.username === '' ? null : decodeURIComponent(first.username),
    password: first.password === '' ? null : decodeURIComponent(first.password),
    tls: first.protocol === 'rediss:',
  }
}
