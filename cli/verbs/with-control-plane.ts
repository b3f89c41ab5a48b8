import type { ControlPlane } from '../control-plane.ts';
import type { World } from '../world.ts';

/** Connects, runs `use` and always hangs up. */
export async function withControlPlane<T>(
  world: World,
  use: (plane: ControlPlane) => Promise<T>,
): Promise<T> {
  const plane = await world.connect();
  try {
    return await use(plane);
  } finally {
    await plane.close();
  }
}
