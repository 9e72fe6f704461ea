import type { AnnotationQuery, Dashboard, VariableModel } from '@grafana/schema';

// A file has the value of an enumeration, not its name.
type Written<T> = T extends string ? `${T}`
  : T extends (infer Item)[] ? Written<Item>[]
  : T extends object ? { [Key in keyof T]: Written<T[Key]> }
  : T;

// The Prometheus data source reads these; the schema leaves what belongs to a data source open nowhere but in targets.
type Annotation = AnnotationQuery & {
  expr: string; step: string; titleFormat: string; textFormat: string; tagKeys?: string;
};
type Variable = VariableModel & { definition?: string };

type Delivered = Omit<Dashboard, 'annotations' | 'templating'> & {
  annotations: { list: Annotation[] };
  templating: { list: Variable[] };
};

