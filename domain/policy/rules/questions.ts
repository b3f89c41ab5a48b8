import { problem } from './rule.ts';
import type { Complaint, Rule } from './rule.ts';

/** The policy's own questions have names of their own, can be decided, and are asked in one way each. */
export const questionsCanBeDecided: Rule = ({ resources }) =>
  resources.flatMap(({ assertions = [], applicationChecks = [], checks = [] }, i) => {
    const complaints: Complaint[] = [];
    const names = [...assertions, ...applicationChecks].map(({ name }) => name);
    const twice = (name: string, n: number, path: readonly (string | number)[]) => {
      if (names.indexOf(name) < n)
        complaints.push(
          problem([...path, 'name'], 'a name of its own', `${name} is the name of another question above`),
        );
    };
    assertions.forEach(({ name, than, is, tolerance }, n) => {
      const path = ['resources', i, 'assertions', n];
      twice(name, n, path);
      if (typeof than !== 'string') return;
      if (is !== '=' && is !== '<>')
        complaints.push(
          problem(
            [...path, 'is'],
            '= or <>',
            `${is} was given, but texts have no order here; = or <> is allowed`,
          ),
        );
      if (tolerance !== undefined)
        complaints.push(
          problem([...path, 'tolerance'], 'no tolerance', 'means nothing for a text; leave it out'),
        );
    });
    applicationChecks.forEach(({ name, http, command }, n) => {
      const path = ['resources', i, 'applicationChecks', n];
      twice(name, assertions.length + n, path);
      if ((http === undefined) === (command === undefined))
        complaints.push(problem(path, 'http or command', `${name} needs exactly one of http and command`));
    });
    if (checks.includes('semantics') && names.length === 0)
      complaints.push(
        problem(
          ['resources', i, 'checks'],
          'assertions or applicationChecks',
          'lists semantics, but there is no question to ask; add assertions or applicationChecks',
        ),
      );
    return complaints;
  });
