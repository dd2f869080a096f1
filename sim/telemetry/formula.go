package telemetry

import (
	"fmt"
	"maps"
	"math"
	"reflect"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/vm"

	"gatehouse/sim/script"
)

// maxFormulaNodes bounds the size of a formula.
const maxFormulaNodes = 500

// formula computes a value from the fields before it and the moment: t (seconds since the start), seq, hour (of the day, with its fraction), previous (0
// at first), device, and the device's variables and state. Numbers are float64; sin, cos, sqrt, exp, log, pow, mod, clamp, pi, random() and noise() are there
// beside what the language has.
func formula(c *compiler) generator {
	c.used["formula"] = true
	if c.source.Formula == "" {
		c.wrong("formula", "it is missing", "write one, such as 20 + 2 * sin(t / 60)")
		return nil
	}
	env := c.environment()
	program, err := expr.Compile(c.source.Formula, append(mathematics(c), expr.Env(env), expr.MaxNodes(maxFormulaNodes))...)
	if err != nil {
		c.wrong("formula", firstLine(err), "use the fields above it, t, seq, hour, previous, device, and the device’s variables")
		return nil
	}
	switch result := program.Node().Type(); result.Kind() {
	case reflect.String:
		c.kind = ""
	case reflect.Bool:
		c.kind = true
	}
	var machine vm.VM
	return func(m *moment) (any, error) {
		hour, minute, second := m.at.Clock()
		env["t"], env["seq"] = m.elapsed.Seconds(), float64(m.seq)
		env["hour"] = float64(hour) + float64(minute)/60 + float64(second)/3600
		env["previous"] = 0.0
		if f, ok := m.previous.(float64); ok {
			env["previous"] = f
		}
		maps.Copy(env, m.device.State.All())
		maps.Copy(env, m.fields)
		out, err := machine.Run(program, env)
		if err != nil {
			return nil, fmt.Errorf("%s: %s", c.path, firstLine(err))
		}
		if f, ok := script.Number(out); ok {
			if math.IsNaN(f) || math.IsInf(f, 0) {
				return nil, fmt.Errorf("%s: the formula gives %v, which JSON cannot hold", c.path, f)
			}
			return f, nil
		}
		switch out.(type) {
		case string, bool:
			return out, nil
		}
		return nil, fmt.Errorf("%s: the formula gives a %T, which cannot be reported", c.path, out)
	}
}

// environment has every name that a formula may use, with a value of its type.
func (c *compiler) environment() map[string]any {
	env := map[string]any{"t": 0.0, "seq": 0.0, "hour": 0.0, "previous": 0.0, "pi": math.Pi, "device": c.device.Name, "sid": c.device.SID}
	for name, value := range c.device.Vars {
		if script.IsName(name) {
			env[name] = value
			var f float64
			if _, err := fmt.Sscanf(value, "%g", &f); err == nil && script.Show(f) == value {
				env[name] = f // a variable that is a number can be computed with
			}
		}
	}
	maps.Copy(env, c.device.State.All())
	maps.Copy(env, c.known)
	return env
}

func mathematics(c *compiler) []expr.Option {
	one := func(name string, f func(float64) float64) expr.Option {
		return expr.Function(name, func(p ...any) (any, error) {
			x, ok := script.Number(p[0])
			if !ok {
				return nil, fmt.Errorf("%s needs a number", name)
			}
			return f(x), nil
		}, new(func(any) float64))
	}
	two := func(name string, f func(a, b float64) float64) expr.Option {
		return expr.Function(name, func(p ...any) (any, error) {
			x, ok := script.Number(p[0])
			y, ok2 := script.Number(p[1])
			if !ok || !ok2 {
				return nil, fmt.Errorf("%s needs two numbers", name)
			}
			return f(x, y), nil
		}, new(func(any, any) float64))
	}
	return []expr.Option{
		one("sin", math.Sin), one("cos", math.Cos), one("sqrt", math.Sqrt), one("exp", math.Exp), one("log", math.Log),
		two("pow", math.Pow), two("mod", math.Mod),
		expr.Function("clamp", func(p ...any) (any, error) {
			x, ok := script.Number(p[0])
			lowest, ok2 := script.Number(p[1])
			highest, ok3 := script.Number(p[2])
			if !ok || !ok2 || !ok3 {
				return nil, fmt.Errorf("clamp needs three numbers")
			}
			return min(max(x, lowest), highest), nil
		}, new(func(any, any, any) float64)),
		expr.Function("random", func(...any) (any, error) { return c.random.Float64(), nil }, new(func() float64)),
		expr.Function("noise", func(...any) (any, error) { return c.random.NormFloat64(), nil }, new(func() float64)),
	}
}

// firstLine leaves out the picture that the language draws of where the fault is.
func firstLine(err error) string {
	text := err.Error()
	for i, r := range text {
		if r == '\n' {
			return text[:i]
		}
	}
	return text
}
