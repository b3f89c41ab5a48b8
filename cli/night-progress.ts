import { drillId, protectId } from '../domain/names.ts';
import type { Policy } from '../domain/policy/schema.ts';
import type { Progress, StepProgress } from '../domain/progress.ts';
import type { Instant } from '../domain/units.ts';
import type { ControlPlane } from './control-plane.ts';

/** Fleets larger than this are shown by the night's own four steps alone: a question per resource and look would be too many. */
const SHOWN_RESOURCES = 8;

/** The progress of a night with the steps of its resources in the place of its step `resources`. */
export function nightProgress(
  plane: Pick<ControlPlane, 'progress'>,
  { resources }: Policy,
  slot: Instant,
): Pick<ControlPlane, 'progress'> {
  const over = new Map<string, readonly StepProgress[]>();
  const names = resources.length <= SHOWN_RESOURCES ? resources.map(({ name }) => name) : [];

  async function stepsOf(name: string, id: string): Promise<readonly StepProgress[]> {
    const known = over.get(id);
    if (known !== undefined) return known;
    // A child that does not run yet has no steps to show.
    const progress = await plane.progress(id).catch(() => null);
    const steps = progress?.steps.map((step) => ({ ...step, step: `${name}: ${step.step}` })) ?? [];
    if (steps.length > 0 && steps.every(({ state }) => state === 'done' || state === 'failed'))
      over.set(id, steps);
    return steps;
  }

  async function oneResource(name: string): Promise<readonly StepProgress[]> {
    const protection = await stepsOf(name, protectId(name, slot));
    return [...protection, ...(await stepsOf(name, drillId(name, slot)))];
  }

  return {
    async progress(id): Promise<Progress | null> {
      const night = await plane.progress(id);
      if (night === null || names.length === 0) return night;
      const children = (await Promise.all(names.map(oneResource))).flat();
      if (children.length === 0) return night;
      return { steps: night.steps.flatMap((step) => (step.step === 'resources' ? children : [step])) };
    },
  };
}
