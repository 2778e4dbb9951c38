/** Which Redis process answers, and as what. */
export interface ServerIdentity {
  /** Random, chosen by the server at each start. */
  runId: string
  role: 'master' | 'slave' | 'sentinel'
}

/** Reads the identity from the text of INFO; undefined when it is not in there. */
export function serverIdentity(info: string): ServerIdentity | undefined {
  const runId = /^run_id:(\w+)/m.exec(info)?.[1]
  const role = /^role:(master|slave|sentinel)/m.exec(info)?.[1]
  if (runId === undefined || role === undefined) return undefined
  return { runId, role: role as ServerIdentity['role'] }
}

/** Whether two identities are surely the same server in the same role. A server that does not say may be another. */
export function sameServer(one: ServerIdentity | undefined, other: ServerIdentity | undefined): boolean {
  return one !== undefined && other !== undefined && one.runId === other.runId && one.role === other.role
}
