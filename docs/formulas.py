"""The formula, or the table, that each lab computes, as text for the gallery."""

__all__ = ["FORMULAS", "formula"]

FORMULAS = {
    "value-function": """
min over G, max over D of  V(D, G) = E_x~p_data [log D(x)] + E_z~p(z) [log(1 - D(G(z)))]

each round    k times    theta_D <- theta_D + lr * dV/dtheta_D    on fresh samples, while G stands still
              once       theta_G <- theta_G - lr * dV/dtheta_G    while D stands still
""",
    "bilinear": """
min over x, max over y of  f(x, y) = xy        pushes (-df/dx, df/dy) = (-y, x), eigenvalues +i and -i

infinitesimal    dx/dt = -y, dy/dt = x             a circle
simultaneous     x <- x - lr y,   y <- y + lr x    out, by sqrt(1 + lr²) a round
alternating      the same, one after the other     stays on an ellipse, x² - lr xy + y² = constant
""",
    "rock-paper-scissors": """
                         rock  paper  scissors
payoff A =    rock         0     -1       1         max over p, min over q of  p' A q
              paper        1      0      -1         Nash equilibrium: p = q = (1/3, 1/3, 1/3)
              scissors    -1      1       0
""",
    "dirac-gan": """
data at 0, G at theta, D(x) = psi x        V(theta, psi) = F(0) + F(-psi theta),  F(t) = -log(1 + exp(-t))

at the equilibrium (0, 0)    eigenvalues +- F'(0) i = +- i/2                             never at rest
with R1, weight gamma        eigenvalues -gamma/2 +- sqrt(gamma²/4 - F'(0)²)             at rest
""",
    "linear-wgan": """
min over theta, max over w of  <w, v> - <w, theta>        data of mean v, G(z) = z + theta, D(x) = <w, x>

gradient      w <- w + lr g_t
optimistic    w <- w + 2 lr g_t - lr g_(t-1)              g_t: the gradient of round t; theta alike, downwards
""",
    "two-time-scales": """
min over x, max over y of  f(x, y) = (1 + x²)(100 - y²)

x <- x - a df/dx,   y <- y + b df/dy        two time scales: a far below b
""",
    "one-dimensional": """
V(D, G) = E_x~p_data [log D(x)] + E_z~p(z) [log(1 - D(G(z)))]

at the end    p_g = p_data,  D(x) = p_data(x) / (p_data(x) + p_g(x)) = 1/2
""",
    "optimal-discriminator": """
V(D, G) = integral of  p(x) log D(x) + q(x) log(1 - D(x))        p: the data, q: the generator
a log y + b log(1 - y) is greatest at y = a/(a + b), so

D*(x) = p(x) / (p(x) + q(x))
C(G) = V(D*, G) = 2 JSD(p, q) - log 4  >=  -log 4,  equal only where p = q
""",
    "entropy-and-cross-entropy": """
entropy           H(p) = -sum p log p
cross-entropy     H(p, q) = -sum p log q
Kullback-Leibler  KL(p || q) = H(p, q) - H(p)  >=  0,  not symmetric
Jensen-Shannon    JS(p, q) = KL(p || m)/2 + KL(q || m)/2,  m = (p + q)/2;  sqrt(JS) is a metric
""",
    "js-vanishing": """
p = N(0, s²), q = N(m, s²)        JS(p, q) -> log 2 and dJS/dm -> 0 as m grows
                                  KL(p || q) = m²/(2 s²)
                                  W1(p, q) = m, with slope 1 everywhere
""",
    "divergence-fit": """
p has two humps, q = N(mu, sigma²) has one:    min over mu, sigma of

KL(p || q) = E_p [log p/q]    covers: q must not be small where p is not
KL(q || p) = E_q [log q/p]    seeks: q must be small where p is
JS(p, q)                      between the two
""",
    "f-divergences": """
D_f(P || Q) = integral of  q f(p/q)  =  max over T of  E_p [T(x)] - E_q [f*(T(x))],  reached at T* = f'(p/q)

                     f(u)                              T*(x)
Kullback-Leibler     u log u                           1 + log p/q
reverse KL           -log u                            -q/p
Pearson chi²         (u - 1)²                          2 (p/q - 1)        the integral of (p - q)²/q
squared Hellinger    (sqrt(u) - 1)²                    1 - sqrt(q/p)
Jensen-Shannon       u log u - (u + 1) log((u + 1)/2)  log 2p/(p + q)     this is 2 JSD
GAN                  u log u - (u + 1) log(u + 1)      log p/(p + q)      this is 2 JSD - log 4
""",
    "generator-costs": """
D = D(G(z)) = sigmoid(a)                         slope in a

minimax               E[log(1 - D)]              -sigmoid(a)        -> 0 where D is sure: a -> -infinity
non-saturating       -E[log D]                   -sigmoid(-a)       -> -1
maximum likelihood   -E[D/(1 - D)] = -E[exp(a)]  -exp(a)
""",
    "transport": """
W1(p, q) = min over P of  sum P_ij |i - j|             P_ij >= 0,  sum_j P_ij = p_i,  sum_i P_ij = q_j
         = max over f of  E_p [f(x)] - E_q [f(x)]      |f(x) - f(y)| <= |x - y|
""",
    "wasserstein-shift": """
p uniform on [0, width], q the same moved by theta

KL(q || p) = infinite unless theta = 0        JS(p, q) = log 2 where |theta| >= width        W1(p, q) = |theta|
""",
    "loss-surface": """
what G stands on    J_t(theta_G) = -E_z [log D_t(G(z))]

G's own step moves it over J_t; each step of D makes J_(t+1) of J_t, and with it another way down
""",
    "non-convergence": """
data at 0, G at theta, D(x) = psi x        v = (psi, -theta)/2 near (0, 0): a turn, which plain steps widen

R1               adds gamma/2 E[|grad D(x)|²] to D's loss
instance noise   D sees x + e and G(z) + e,  e ~ N(0, s²)
extragradient    w <- w + lr v(w + lr v(w))
optimistic       w <- w + 2 lr v_t - lr v_(t-1)
consensus        w <- w + lr (v(w) - gamma grad |v(w)|²/2)
""",
    "mode-collapse": """
the data have m modes;  modes found = how many of them have a generated sample near
""",
    "diminished-gradient": """
D(G(z)) = sigmoid(a) -> 0 as the critic gets sure

minimax           d/da  log(1 - sigmoid(a)) = -sigmoid(a)   ->  0
non-saturating    d/da -log sigmoid(a)      = -sigmoid(-a)  -> -1
""",
    "imbalance": """
k critic steps a round, or other step sizes: one player runs ahead

instance noise     D sees x + e and G(z) + e,  e ~ N(0, s²): the two always overlap, and D is never sure
two time scales    a larger step for D than for G
""",
    "hyper-parameter-sensitivity": """
a play for every pair (step of G, step of D);  how far it ends from the data:

W2(N(m, s²), N(n, t²))² = (m - n)² + (s - t)²
""",
    "measures-mislead": """
IS = exp(E_x~p_g [KL(p(y|x) || p(y))])                              p(y): mean of p(y|x) over p_g
FID = |mu_x - mu_g|² + trace(Sigma_x + Sigma_g - 2 (Sigma_x Sigma_g)^(1/2))
""",
}
"""By the lab's name."""


def formula(lab: str) -> str:
    """The formula of a lab.

    Raises:
        KeyError: nobody wrote it here.
    """
    if lab not in FORMULAS:
        raise KeyError(f"{lab}: docs/formulas.py has no formula for this lab; write what it computes")
    return FORMULAS[lab].strip("\n")
