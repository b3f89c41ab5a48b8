import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Clock, Events } from '../platform.ts';
import type { Call } from '../wire/handlers.ts';
import { endAsKilled } from './end-as-killed.ts';
import { type FileRule, readFaultFile, watchFaultFile } from './file.ts';
import { type Kept, RuleKeeper } from './keeper.ts';
import { misbehaviour, type Misbehaviour } from './misbehaviour.ts';
import { namesIn } from './names-in.ts';
import {
  type CrashPoint,
  type Databases,
  type FaultPoints,
  JobFault,
  type JobStep,
  noSpace,
} from './points.ts';
import {
  type FaultKind,
  type FaultRule,
  fires,
  isSpent,
  type LiveRule,
  newCount,
  type Occasion,
  pattern,
  type RuleOf,
} from './rule.ts';

export type { Misbehaviour } from './misbehaviour.ts';

/** What is known of a request before its signature is looked at. */
export interface Arrival {
  readonly service: string;
  readonly region: string;
  readonly accountId: string | undefined;
}

export interface FaultEngine extends FaultPoints {
  add(rule: FaultRule): Promise<LiveRule>;
  list(): readonly LiveRule[];
  /** Removes one, or all. Returns how many. */
  clear(id?: string): number;
  /** What became of the fault file, for `status`. */
  file(): { readonly path: string; readonly error?: string } | undefined;
  /** Whether the region of a request is down. `timeout` has been waited for when it resolves. */
  isDown(arrival: Arrival, gone: () => AbortSignal): Promise<boolean>;
  /** Milliseconds that the server's wall clock seems to be wrong by. */
  skewMs(arrival: Arrival): number;
  /** Evaluated after authentication, before the handler. Delays are waited for here. */
  before(call: Call, input: object): Promise<Misbehaviour | undefined>;
  /** Evaluated after the handler's effect, before its answer. */
  after(call: Call, input: object): Misbehaviour | undefined;
  stop(): void;
}

export interface FaultParts {
  readonly statePath: string;
  /** A file of rules, read at start and again whenever it changes. */
  readonly file?: string | undefined;
  readonly events: Events;
  readonly clock: Clock;
  readonly log: Logger;
}

const AFTER: readonly FaultKind[] = ['drop-after', 'cut-off', 'empty-200', 'html'];
const BEFORE: readonly FaultKind[] = [
  ...(['delay', 'throttle', 'error', 'drop-before', 'expired-token', 'kill-postgres', 'clock-jump'] as const),
];
const WATCH_MS = 20;

/** @throws FaultFileUnusable */
export function createFaults(parts: FaultParts): FaultEngine {
  return new Engine(parts);
}

class Engine implements FaultEngine {
  readonly #parts: FaultParts;
  readonly #keeper: RuleKeeper;
  #nextId: number;
  #added: LiveRule[];
  #fromFile: LiveRule[] = [];
  #fileError: string | undefined;
  #databases: Databases = () => [];
  #stopWatching: () => void = () => undefined;

  constructor(parts: FaultParts) {
    this.#parts = parts;
    this.#keeper = new RuleKeeper(parts.statePath);
    const kept = this.#keeper.read();
    this.#nextId = kept.nextId;
    this.#added = kept.rules.map((rule) => ({ ...rule }));
    if (kept.crashed)
      parts.events.record({ kind: 'fault', detail: `${kept.crashed.detail} at ${kept.crashed.at}` });
    const { file } = parts;
    if (file !== undefined) {
      this.#adopt(readFaultFile(file), kept.fileCounts);
      this.#stopWatching = watchFaultFile(file, () => this.#reread(file));
    }
    if (kept.crashed) this.#keep();
  }

  async add(rule: FaultRule): Promise<LiveRule> {
    const live: LiveRule = { ...rule, id: `fault-${this.#nextId++}`, count: newCount(rule) };
    this.#added.push(live);
    this.#keep();
    const atOnce = rule.service === undefined && rule.operation === undefined && rule.nth === undefined;
    if ((live.kind === 'kill-postgres' || live.kind === 'clock-jump') && atOnce) {
      live.count.seen = live.count.fired = 1;
      this.#keep();
      await this.#act(live, {});
    }
    return live;
  }

  list(): readonly LiveRule[] {
    return [...this.#added, ...this.#fromFile];
  }

  clear(id?: string): number {
    const before = this.list().length;
    const stays = (rule: LiveRule): boolean => id !== undefined && rule.id !== id;
    this.#added = this.#added.filter(stays);
    this.#fromFile = this.#fromFile.filter(stays);
    this.#keep();
    return before - this.list().length;
  }

  file(): { readonly path: string; readonly error?: string } | undefined {
    const { file } = this.#parts;
    if (file === undefined) return undefined;
    return { path: file, ...(this.#fileError === undefined ? {} : { error: this.#fileError }) };
  }

  setDatabases(databases: Databases): void {
    this.#databases = databases;
  }

  stop(): void {
    this.#stopWatching();
  }

  async isDown(arrival: Arrival, gone: () => AbortSignal): Promise<boolean> {
    const [rule] = this.#firing(['region-down'], { ...arrival, names: () => [] }, arrival);
    if (rule?.kind !== 'region-down') return false;
    if (rule.mode === 'timeout') await this.#whileThere(rule, gone()).catch(() => undefined);
    return true;
  }

  skewMs(arrival: Arrival): number {
    const rules = this.#firing(['clock-skew'], { ...arrival, names: () => [] }, arrival);
    return rules.reduce((sum, rule) => sum + (rule.kind === 'clock-skew' ? rule.seconds * 1000 : 0), 0);
  }

  async before(call: Call, input: object): Promise<Misbehaviour | undefined> {
    let result: Misbehaviour | undefined;
    for (const rule of this.#firing(BEFORE, occasionOf(call, input), call)) {
      if (rule.kind === 'delay') await sleep(rule.delayMs);
      else if (rule.kind === 'kill-postgres' || rule.kind === 'clock-jump') await this.#act(rule, call);
      else result ??= misbehaviour(rule, call);
    }
    this.#crashAt('call.before', occasionOf(call, input), call);
    return result;
  }

  after(call: Call, input: object): Misbehaviour | undefined {
    this.#crashAt('call.effect', occasionOf(call, input), call);
    const [rule] = this.#firing(AFTER, occasionOf(call, input), call);
    return rule && misbehaviour(rule, call);
  }

  async at(step: JobStep, signal: AbortSignal): Promise<JobFault | undefined> {
    const occasion = { ...step, names: () => step.names };
    const about = aboutJob(step);
    this.#crashAt('job.begin', occasion, about);
    for (const rule of this.#firing(['stall-job'], occasion, about))
      if (rule.kind === 'stall-job') await this.#whileThere(rule, signal, rule.seconds);
    for (const rule of this.#firing(['fail-job'], occasion, about))
      if (rule.kind === 'fail-job') return new JobFault(rule.message, rule.outcome);
    return undefined;
  }

  async job<T>(step: JobStep, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const fault = await this.at(step, signal);
    if (fault) throw fault;
    const result = await work();
    this.#crashAt('job.end', { ...step, names: () => step.names }, aboutJob(step));
    return result;
  }

  crash(point: CrashPoint, file: string, last?: () => void): void {
    this.#crashAt(point, { names: () => [file] }, { resource: file }, last);
  }

  diskFull(writer: Parameters<FaultPoints['diskFull']>[0], file: string): Error | undefined {
    const full = (rule: LiveRule): boolean => rule.kind === 'disk-full' && rule.writer === writer;
    const [rule] = this.#firing(['disk-full'], { names: () => [file] }, { resource: file }, full);
    return rule && noSpace(file);
  }

  /** Rules that fire now. Each firing is on disk and in the events before anything comes of it. */
  #firing(
    kinds: readonly FaultKind[],
    occasion: Occasion,
    about: About,
    also: (rule: LiveRule) => boolean = () => true,
  ): LiveRule[] {
    const wanted = this.list().filter((rule) => kinds.includes(rule.kind) && also(rule));
    if (wanted.length === 0) return [];
    const seen = wanted.reduce((sum, { count }) => sum + count.seen, 0);
    const fired = wanted.filter((rule) => fires(rule, occasion));
    if (wanted.reduce((sum, { count }) => sum + count.seen, 0) > seen) this.#keep();
    for (const rule of fired) this.#record(rule, about);
    return fired;
  }

  #record(rule: LiveRule, about: About): void {
    const { service, operation, accountId, region, principalArn, requestId, resource } = about;
    this.#parts.events.record({
      ...{ kind: 'fault', service, operation, accountId, region, principalArn, requestId, resource },
      detail: `${sayRule(rule)} (rule ${rule.id}, firing ${rule.count.fired})`,
    });
  }

  #crashAt(point: CrashPoint, occasion: Occasion, about: About, last?: () => void): void {
    const meant = (rule: LiveRule): boolean => rule.kind === 'crash' && rule.point === point;
    const [rule] = this.#firing(['crash'], occasion, about, meant);
    if (!rule) return;
    last?.();
    // The events of this life may not reach the disk: the next one tells of the crash.
    const detail = `${sayRule(rule)} (rule ${rule.id}, firing ${rule.count.fired})`;
    this.#keep({ at: this.#parts.clock.now().toISOString(), detail });
    endAsKilled();
  }

  async #act(rule: RuleOf<'kill-postgres' | 'clock-jump'>, about: About): Promise<void> {
    if (about.service === undefined) this.#record(rule as LiveRule, about);
    if (rule.kind === 'clock-jump') return this.#parts.clock.advance(rule.seconds * 1000);
    const meant = pattern(rule.instance);
    for (const { id, arn, pid } of this.#databases())
      if (meant(id) || meant(arn)) process.kill(pid, 'SIGKILL');
  }

  /** Waits until a rule is cleared. @throws the signal's reason */
  async #whileThere(rule: LiveRule, signal: AbortSignal, seconds = Infinity): Promise<void> {
    const until = Date.now() + seconds * 1000;
    while (this.list().some(({ id }) => id === rule.id) && Date.now() < until)
      await sleep(WATCH_MS, undefined, { signal });
  }

  #reread(path: string): void {
    try {
      this.#adopt(readFaultFile(path), this.#fileCounts());
      this.#fileError = undefined;
      this.#keep();
      this.#parts.events.record({ kind: 'fault', detail: `read ${path}: ${this.#fromFile.length} rules` });
    } catch (err) {
      this.#fileError = err instanceof Error ? err.message : String(err);
      this.#parts.log.error({ err }, 'the fault file was not taken over; the rules are those of before');
      this.#parts.events.record({ kind: 'fault', detail: this.#fileError });
    }
  }

  /** Rules that stand in the file as before go on counting. */
  #adopt(rules: readonly FileRule[], counts: FileCounts): void {
    this.#fromFile = rules.map(({ id, rule }) => {
      const known = counts[id];
      const count = known?.text === JSON.stringify(rule) ? { ...known.count } : newCount(rule);
      return { ...rule, id, count };
    });
  }

  #fileCounts(): FileCounts {
    return Object.fromEntries(
      this.#fromFile.map(({ id, count, ...rule }) => [id, { text: JSON.stringify(rule), count }]),
    );
  }

  #keep(crashed?: { at: string; detail: string }): void {
    this.#keeper.write({
      ...{ nextId: this.#nextId, rules: this.#added, fileCounts: this.#fileCounts() },
      ...(crashed && { crashed }),
    });
  }
}

type FileCounts = Kept['fileCounts'];

interface About {
  readonly service?: string | undefined;
  readonly operation?: string | undefined;
  readonly accountId?: string | undefined;
  readonly region?: string | undefined;
  readonly principalArn?: string | undefined;
  readonly requestId?: string | undefined;
  readonly resource?: string | undefined;
}

function occasionOf({ service, operation, accountId, region }: Call, input: object): Occasion {
  return { service, operation, accountId, region, names: () => namesIn(input) };
}

function aboutJob({ service, job, accountId, region, names }: JobStep): About {
  return { service, operation: job, accountId, region, resource: names[0] };
}

function sayRule(rule: LiveRule): string {
  if (rule.kind === 'crash') return `crash at ${rule.point}`;
  return isSpent(rule) && rule.times > 1 ? `${rule.kind}, for the last time` : rule.kind;
}
