/** What uploads answer while the object store is away. */
import { problems } from '#core/problem.ts'
import { ObjectStoreError } from '../objects/index.ts'

/** @throws Problem 503 when the object store is away; anything else as it came */
export async function refusingWhileAway<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    const isStores = error instanceof ObjectStoreError && error.isTransient
    throw isStores ? problems.away('The object store', 5, error) : error
  }
}
