"""MicroPython sources with a call of `jump` wherever their bytecode jumps: only there the interpreter lets Ctrl-C in.

It does so whether it has jumped or not, so `if x:` becomes `if jump(x):`, and so on. What is native code on a board has
fewer such places.
"""

import ast

NATIVE = ("micropython.native", "micropython.viper")


def jump(condition: ast.expr | None = None) -> ast.expr:
    return ast.Call(ast.Name("jump", ast.Load()), [condition] if condition else [], [])


class Marker(ast.NodeTransformer):
    """Marks the jumps in functions; a module jumps only while it is loaded."""

    depth = 0  # Of functions.

    def visit_FunctionDef(self, node):
        node.decorator_list = [each for each in node.decorator_list if ast.unparse(each) not in NATIVE]
        self.depth += 1
        self.generic_visit(node)
        self.depth -= 1
        return node

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_If(self, node):
        if ast.unparse(node.test) == "TYPE_CHECKING":  # The compiler leaves it out.
            return [self.visit(each) for each in node.orelse] or ast.Pass()
        if ast.unparse(node.test) == "not TYPE_CHECKING":
            return [self.visit(each) for each in node.body]
        self.generic_visit(node)
        if self.depth:
            node.test = jump(node.test)
            if node.orelse and not isinstance(node.body[-1], (ast.Return, ast.Raise)):
                node.body.append(ast.Expr(jump()))
        return node

    def visit_While(self, node):
        self.generic_visit(node)
        if self.depth:
            if isinstance(node.test, ast.Constant):
                node.body.append(ast.Expr(jump()))
            else:
                node.test = jump(node.test)
        return node

    def visit_For(self, node):
        self.generic_visit(node)
        if self.depth:
            node.body.append(ast.Expr(jump()))
        return node

    def visit_Continue(self, node):
        return [ast.Expr(jump()), node]

    visit_Break = visit_Continue

    def visit_BoolOp(self, node):
        self.generic_visit(node)
        if self.depth:
            node.values = [jump(each) for each in node.values[:-1]] + node.values[-1:]
        return node

    def visit_IfExp(self, node):
        self.generic_visit(node)
        if self.depth:
            node.test = jump(node.test)
        return node

    def visit_Try(self, node):
        self.generic_visit(node)
        if not self.depth:
            return node
        for handler in node.handlers:
            handler.body.insert(0, ast.Expr(jump()))
        return [node, ast.Expr(jump())] if node.handlers and not node.finalbody else node


def with_jumps(source: str) -> str:
    tree = Marker().visit(ast.parse(source))
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n"
