/** The page for addresses that are no file: with 200 where it has a view, with 404 for a browser that asks for anything else. */
import { placeOf } from '#core/views.ts'
import type { AppContext } from './context.ts'

/** Null when the answer is the API's to give: to programs, and for what is asked in another way than by reading. */
export async function pageFor(c: AppContext): Promise<Response | null> {
  const { method, path, raw } = c.req
  if (method !== 'GET' && method !== 'HEAD') return null
  const isView = placeOf(path) !== null
  if (!isView && (isApi(path) || !asksForPage(raw))) return null
  // Of a page that is not the view's own address, no copy counts as fresh: it would be a 304 without the 404.
  const headers = isView ? raw.headers : new Headers()
  const page = await c.env.ASSETS.fetch(new Request(new URL('/', raw.url), { method, headers }))
  if (!page.ok && page.status !== 304) return null
  return new Response(page.body, { status: isView ? page.status : 404, headers: page.headers })
}

const isApi = (path: string): boolean => path.startsWith('/v1/')
const asksForPage = ({ headers }: Request): boolean => headers.get('accept')?.includes('text/html') ?? false
