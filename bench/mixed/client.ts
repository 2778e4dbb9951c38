/** Requests over connections that stay open, as many as are under way. */
import { Agent, type ClientRequest, request } from 'node:http'

/** Whoever waits longer has gone. */
export const PATIENCE_MS = 10_000

export interface Asked {
  method?: 'GET' | 'POST'
  path: string
  headers?: Record<string, string>
  body?: string
  /** So many bytes of the answer's beginning are kept. */
  keep?: number
}

export interface Answered {
  status: number
  headers: Record<string, string | string[] | undefined>
  beginning: string
}

export interface Client {
  ask(asked: Asked): Promise<Answered>
  /** Whoever is still waiting hears at once that no answer came. */
  close(): void
}

export function openClient(url: string): Client {
  const { hostname, port } = new URL(url)
  const agent = new Agent({ keepAlive: true, maxSockets: 2_000, maxFreeSockets: 2_000, scheduling: 'lifo' })
  const underWay = new Set<ClientRequest>()
  const ask = (asked: Asked): Promise<Answered> => send(asked, true)
  const send = (asked: Asked, mayRepeat: boolean): Promise<Answered> =>
    new Promise<Answered>((resolve, reject) => {
      const { method = 'GET', path, headers = {}, body, keep = 0 } = asked
      const sent = request({ agent, hostname, port, method, path, headers }, (answer) => {
        const kept: Buffer[] = []
        let left = keep
        if (left === 0) answer.resume()
        else {
          answer.on('data', (chunk: Buffer) => {
            if (left <= 0) return
            kept.push(left < chunk.length ? chunk.subarray(0, left) : chunk)
            left -= chunk.length
          })
        }
        answer.once('end', () =>
          resolve({
            status: answer.statusCode ?? 0,
            headers: answer.headers,
            beginning: Buffer.concat(kept).toString('latin1'),
          }),
        )
        answer.once('error', reject)
      })
      sent.setTimeout(PATIENCE_MS, () => sent.destroy(new Error('no answer in ten seconds')))
      underWay.add(sent)
      sent.once('close', () => underWay.delete(sent))
      sent.once('error', (error: NodeJS.ErrnoException) => {
        // The server has let go of a connection that lay idle, just as it was taken: a browser asks again on another.
        const isStale = sent.reusedSocket && error.code === 'ECONNRESET' && method === 'GET'
        if (isStale && mayRepeat) send(asked, false).then(resolve, reject)
        else reject(error)
      })
      sent.end(body)
    })
  return {
    ask,
    close() {
      for (const sent of underWay) sent.destroy(new Error('no answer before the end'))
      agent.destroy()
    },
  }
}
